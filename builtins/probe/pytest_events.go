package probe

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// pytestEvent is one line of what pytest_plugin.py writes.
type pytestEvent struct {
	Event   string  `json:"e"`
	Worker  string  `json:"w"` // of pytest-xdist, "gw0"; "" = pytest itself
	ID      string  `json:"id"`
	Outcome string  `json:"o"`
	Phase   string  `json:"p"`
	Seconds float64 `json:"d"`
	Message string  `json:"m"`
	Text    string  `json:"x"`
	Reruns  int     `json:"r"`
	Count   int     `json:"n"`
	Code    int     `json:"code"`
	Of      string  `json:"of"` // the worker that crashed

	Modules [][3]string `json:"mods"` // name, path, path without links
	How     string      `json:"how"`  // as of PytestReach
	To      string      `json:"to"`   // a path in the original
	pytestProgram

	PID     int    `json:"pid"`
	PPID    int    `json:"ppid"`
	Python  string `json:"python"`
	Version string `json:"version"`
	Pytest  string `json:"pytest"`
	Root    string `json:"root"`  // that ids are relative to
	Start   string `json:"start"` // where pytest was started; not cwd, which is that of a program
}

// pytestStory is what the events told so far. The zero value is a pytest of
// which nothing was heard.
type pytestStory struct {
	procs []*pytestProc // pytest itself first, if it came so far as to load plugins
	tests []PytestTest
	rest  []byte // of a line that is not written to its end

	pid, ppid               int
	python, version, pytest string
	root, cwd               string       // as in the event
	interrupt               pytestEvent  // how Ctrl-C, or pytest.exit, found it: in which test and phase, too
	internal                string       // error within pytest
	crashed                 []string     // tests in which a worker, or the fork of one test, died
	forked                  []PytestTest // that failed in a fork of pytest, of which its exit code knows nothing
	modules                 [][3]string  // imported by pytest or a worker, as in the event; the later of equal names counts
	programs                []pytestProgram
	reached                 []PytestReach // as the plugin tells them
	finished                bool          // the session is over, with code
	code                    int
	ran                     int // tests, as pytest itself counted when it finished
	collected               int // tests that were to be run
}

// pytestProc is one process of a run: pytest itself, or a worker.
type pytestProc struct {
	worker  string
	pid     int    // 0 = not heard of
	phase   string // start, collect, run, setup, call, teardown, finish, exit
	test    string // "" between tests
	since   time.Time
	gone    bool
	slowest string // of the tests that ended
	took    time.Duration
	done    int
}

// feed takes what was read from the file since the last time. A line that is
// no event is passed over: a full disk may have cut it.
func (s *pytestStory) feed(data []byte, now time.Time) {
	s.rest = append(s.rest, data...)
	for {
		line, rest, whole := bytes.Cut(s.rest, []byte{'\n'})
		if !whole {
			return
		}
		s.rest = rest
		var e pytestEvent
		if json.Unmarshal(line, &e) == nil {
			s.add(e, now)
		}
	}
}

func (s *pytestStory) add(e pytestEvent, now time.Time) {
	p := s.proc(e.Worker, now)
	e.ID = s.typed(e.ID)
	switch e.Event {
	case "boot":
		p.phase, p.pid = "start", e.PID
		if e.Worker == "" {
			s.pid, s.ppid, s.python, s.version, s.pytest = e.PID, e.PPID, Clean([]byte(e.Python)), Clean([]byte(e.Version)), Clean([]byte(e.Pytest))
		}
	case "root":
		s.root, s.cwd = e.Root, e.Start
	case "collect":
		p.phase = "collect"
	case "collected":
		p.phase = "run"
		s.collected = max(s.collected, e.Count) // every worker of xdist has all of them
	case "start":
		p.phase, p.test, p.since = "setup", e.ID, now
	case "call", "teardown":
		p.phase = e.Event
	case "end":
		p.phase, p.test = "run", ""
		t := PytestTest{ID: e.ID, Outcome: e.Outcome, Phase: e.Phase, Duration: time.Duration(e.Seconds * float64(time.Second)), Message: e.Message, Text: e.Text, Reruns: e.Reruns, Worker: e.Worker}
		if t.Outcome == "" && slices.Contains(s.crashed, t.ID) {
			p.done++ // pytest-forked: how it ended was said as its fork died
		} else if s.ended(t) {
			p.done++
		}
		if t.Duration > p.took {
			p.slowest, p.took = t.ID, t.Duration
		}
	case "forked":
		s.forked = append(s.forked, PytestTest{ID: e.ID, Outcome: e.Outcome, Phase: e.Phase, Message: e.Message, Text: e.Text, Worker: e.Worker})
	case "error":
		s.collectError(e)
	case "crash":
		if slices.Contains(s.crashed, e.ID) {
			break // pytest-forked in a worker, which lives: pytest itself says it once more
		}
		s.tests = append(s.tests, PytestTest{ID: e.ID, Outcome: "error", Phase: "crash", Message: e.Message, Text: e.Text, Worker: cmp.Or(e.Of, e.Worker)})
		s.crashed = append(s.crashed, e.ID)
		if w := s.proc(e.Of, now); e.Of != "" {
			w.gone, w.test = true, ""
		}
	case "imports":
		s.modules = append(s.modules, e.Modules...)
	case "program":
		s.programs = append(s.programs, e.pytestProgram)
	case "reach":
		s.reached = append(s.reached, PytestReach{How: e.How, Path: e.To})
	case "interrupt":
		if s.interrupt.Message == "" { // with workers pytest itself only passes on what one of them met
			s.interrupt, s.interrupt.Phase = e, p.phase
		}
	case "internal":
		s.internal = e.Message
	case "finish":
		p.phase, p.test = "finish", ""
		if e.Worker == "" {
			s.finished, s.code, s.ran = true, e.Code, e.Count
		}
	case "unconfigure":
		p.phase = "exit"
	case "exit":
		p.gone = true
	}
}

// typed is the id of a test as it can be typed where pytest was started. Its own
// is relative to the directory of its configuration, which may be another.
func (s *pytestStory) typed(id string) string {
	if id == "" || s.root == s.cwd {
		return id
	}
	file, test, named := strings.Cut(id, "::")
	if !filepath.IsAbs(file) {
		file = filepath.Join(s.root, file)
	}
	file, err := filepath.Rel(s.cwd, file)
	if err != nil {
		return id
	}
	if named {
		file += "::" + test
	}
	return file
}

// ended keeps a test that ended, and reports whether it is a new one. One that
// did not pass and begins anew is run again by a plugin: it takes the place of
// what it was, with the words of the failure.
func (s *pytestStory) ended(t PytestTest) bool {
	i := len(s.tests) - 1
	for i >= 0 && (s.tests[i].ID != t.ID || s.tests[i].Worker != t.Worker) {
		i--
	}
	if i < 0 || !s.tests[i].bad() {
		s.tests = append(s.tests, t)
		return true
	}
	before := s.tests[i]
	t.Reruns += before.Reruns + 1
	if t.Message == "" {
		t.Message, t.Text = before.Message, before.Text
	}
	s.tests[i] = t
	return false
}

// takeForked makes tests that failed in a fork of pytest failures, and returns
// how many these are: the child of os.fork that does not end within its test
// comes back to pytest as a second one, whose exit code nobody looks at.
func (s *pytestStory) takeForked() int {
	n := 0
	for _, f := range s.forked {
		switch i := slices.IndexFunc(s.tests, func(t PytestTest) bool { return t.ID == f.ID }); {
		case i < 0:
			s.tests = append(s.tests, f)
		case s.tests[i].bad():
			continue
		default:
			s.tests[i] = f
		}
		n++
	}
	s.forked = nil
	return n
}

// collectError keeps a file that could not be collected, once: every worker
// tells it.
func (s *pytestStory) collectError(e pytestEvent) {
	t := PytestTest{ID: e.ID, Outcome: "error", Phase: "collect", Message: e.Message, Text: e.Text, Worker: e.Worker}
	if !slices.ContainsFunc(s.tests, func(have PytestTest) bool { return have.ID == t.ID && have.Phase == t.Phase }) {
		s.tests = append(s.tests, t)
	}
}

func (s *pytestStory) proc(worker string, now time.Time) *pytestProc {
	for _, p := range s.procs {
		if p.worker == worker {
			return p
		}
	}
	p := &pytestProc{worker: worker, phase: "start", since: now}
	s.procs = append(s.procs, p)
	return p
}

// doing is what each process of a run is at, by pid: its test with the phase of
// that, or the phase alone of pytest itself while no test runs.
func (s *pytestStory) doing() map[int]string {
	out := map[int]string{}
	phase, running := s.now()
	for _, p := range running {
		out[p.pid] = fmt.Sprintf("%s (%s)", p.test, p.phase)
	}
	if len(running) == 0 && phase != "" {
		out[s.pid] = "phase " + phase
	}
	delete(out, 0)
	return out
}

// now is the phase that pytest is in, and the tests that run, the longest
// first. "" = nothing was heard of it yet.
func (s *pytestStory) now() (phase string, running []*pytestProc) {
	if len(s.procs) == 0 {
		return "", nil
	}
	main := s.procs[0]
	for _, p := range s.procs {
		if p.worker == "" {
			main = p
		}
		if p.test != "" && !p.gone {
			running = append(running, p)
		}
	}
	slices.SortStableFunc(running, func(a, b *pytestProc) int { return a.since.Compare(b.since) })
	switch {
	case s.finished:
		return main.phase, nil
	case len(running) > 0:
		return running[0].phase, running
	}
	// With workers pytest itself stands in "collect": they are further, and the
	// slowest of them is what all wait for.
	phase, workers := main.phase, false
	for _, p := range s.procs {
		if p.worker == "" || p.gone {
			continue
		}
		if !workers || order[p.phase] < order[phase] {
			phase = p.phase
		}
		workers = true
	}
	return phase, nil
}

// order is how a pytest goes through its phases.
var order = map[string]int{"start": 0, "collect": 1, "run": 2, "setup": 2, "call": 2, "teardown": 2, "finish": 3, "exit": 4}

// slowest is the test that took longest, of those that ended.
func (s *pytestStory) slowest() (test string, took time.Duration) {
	for _, p := range s.procs {
		if p.took > took {
			test, took = p.slowest, p.took
		}
	}
	return test, took
}

// done is how many tests ended.
func (s *pytestStory) done() int {
	n := 0
	for _, p := range s.procs {
		n += p.done
	}
	return n
}
