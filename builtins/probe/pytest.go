package probe

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"runbook/engine/lazyregexp"
)

// PytestRun is one suite to run under pytest.
type PytestRun struct {
	// Python is the interpreter: a path, or a command line that ends in one
	// ("timeout 60 python3", "uv run python"). "" = that of $VIRTUAL_ENV, else
	// .venv/bin/python in Dir, Code, Original or here, else python3.
	Python  string
	Suite   string   // what is given to pytest first: a file, a directory, a node id
	Args    []string // to pytest, behind the suite
	Dir     string   // "" = ours
	Env     []string // whole environment; nil = ours
	Timeout time.Duration
	Grace   time.Duration // from the deadline to SIGKILL, after OnHang

	// Code is the top of the work tree whose code is to be tested, Original
	// another tree of which it is a copy ("" = none): with Code, the result
	// tells in Imported where the code that was tested came from, and pytest's
	// cache lies elsewhere, empty at the beginning.
	Code, Original string

	// OnHang is called before a pytest that reached the deadline, or whose
	// context ended, gets its first signal: tree is who lives, the program first;
	// doing is what they said that they were at, by pid: a test and its phase,
	// "tests/a.py::test_x (call)", or "phase collect".
	OnHang func(ctx context.Context, tree []ID, doing map[int]string)
	// Progress is called now and then, from another goroutine, and a last time
	// before OnHang.
	Progress func(PytestProgress)
}

// PytestProgress is a moment of a run.
type PytestProgress struct {
	Suite      string
	Phase      string        // as PytestResult.Phase
	Test       string        // that runs; the longest running of several; "" = none
	TestFor    time.Duration // it has run
	Elapsed    time.Duration // of the run
	Done       int           // tests that ended
	Slowest    string        // of the tests that ended
	SlowestFor time.Duration
}

// PytestResult is what became of a run.
//
// Outcome:
//
//	passed         every test did
//	failed         some did not, whatever the exit code
//	incomplete     none failed, and some were never run: pytest.exit(returncode=0)
//	error          a file could not be collected, or pytest itself failed
//	usage          pytest refused its arguments: no such file, no such test
//	no-tests       nothing was run, which is no pass
//	crash          it ended itself by a signal, or vanished in the midst of its work
//	hang           the deadline was over in a test
//	startup-hang   … before all tests were collected
//	shutdown-hang  … after the last test: the tests passed or failed, the program hung
//	leak           passed, and left processes behind, or a socket file or shared
//	               memory that is proved to be its own; with Code, processes alone
//	killed         ended from outside
type PytestResult struct {
	Suite    string
	Outcome  string
	Reason   string        // one line, where the outcome does not say it all
	ExitCode int           // -1 when a signal ended it
	Signal   string        // "SIGSEGV"; "" when it exited
	Duration time.Duration // to its end, or the deadline
	// Phase is where it was when it did not end regularly: "" = it did, or
	// nothing was heard of it; start, collect, setup, call, teardown, run
	// (between tests), finish (the last test was over), exit (atexit, threads).
	Phase   string
	Running []string     // tests that ran when it ended, the longest first; when it was interrupted, the one in which
	Tests   []PytestTest // that ended, in that order, and files that could not be collected
	Leaks   []Leak
	Output  []byte // the end of stdout and stderr, in the order of writing
	Cut     bool   // there was more
	// Traceback is where SIGINT found it, ours or another, in pytest's own
	// words; "" = it got none, or could not tell.
	Traceback string
	Pace      *PytestPace    // at the deadline; nil = it did not come to it, or that is not known
	Imported  []PytestModule // with PytestRun.Code; nil = not asked for, or nothing was heard of it
	Reached   []PytestReach  // with PytestRun.Original
	Programs  bool           // with PytestRun.Code: the tests started some, and what those did was not followed
	Python    string         // the interpreter that was run
	Version   string         // "pytest 9.2.0, python 3.11.7"; "" = not heard of
}

// PytestTest is one test that ended.
type PytestTest struct {
	ID       string // pytest's node id, as it can be typed where pytest was started
	Outcome  string // passed failed error skipped xfailed xpassed
	Phase    string // in which that was decided: setup, call, teardown, collect, crash
	Duration time.Duration
	Message  string // one line; "" = passed, at once
	Text     string // the failure as pytest tells it, its end; "" = none
	Reruns   int    // by a plugin, before this outcome
	Worker   string // of pytest-xdist; "" = none
}

// bad reports whether the test counts against its suite.
func (t PytestTest) bad() bool { return t.Outcome == "failed" || t.Outcome == "error" }

//go:embed pytest_plugin.py
var pytestPlugin []byte

const (
	pluginModule   = "runbook_pytest"
	pluginEvents   = "RUNBOOK_PYTEST_EVENTS" // pytest_plugin.py names them too
	pluginImports  = "RUNBOOK_PYTEST_IMPORTS"
	pluginOriginal = "RUNBOOK_PYTEST_ORIGINAL"
	pytestOutput   = 256 << 10
	progressEvery  = 200 * time.Millisecond
)

// ErrNoPytest means that the interpreter has no pytest.
var ErrNoPytest = errors.New("no pytest")

// Pytest runs one suite under the user's own pytest, in a session of its own,
// until it ends or the deadline is over. Nothing of its tree is left then, and
// what it left behind by itself is named in Leaks.
//
// A small plugin tells what pytest is doing; it is loaded from a private
// directory with -p and changes nothing else of the project. At the deadline
// OnHang comes first, then SIGINT to pytest, for half of Grace, so that it can
// tell where it hangs; then SIGTERM and SIGKILL to all of the tree.
//
// Errors: ErrNoPytest, which names the interpreter that was tried; ctx's, with
// a result that holds all the same; no private directory could be made; the
// program could not be started. A run that fails or hangs is no error.
func Pytest(ctx context.Context, h Host, r PytestRun) (PytestResult, error) {
	result := PytestResult{Suite: r.Suite, ExitCode: -1}
	switch act := h.Act(); {
	case act == nil:
		return result, fmt.Errorf("pytest: %w", ErrUnsupported)
	case r.Suite == "" || strings.HasPrefix(r.Suite, "-"):
		return result, fmt.Errorf("pytest: %q is no suite", r.Suite)
	}
	if r.Env == nil {
		r.Env = os.Environ()
	}
	if r.Dir != "" {
		r.Env = append(slices.Clone(r.Env), "PWD="+r.Dir) // ours would lead the tests to our tree
	}
	if r.Original != "" { // a hook of git, which started us, would lead git in the tests there
		r.Env = slices.DeleteFunc(slices.Clone(r.Env), tiesGit)
	}
	python, err := choosePython(r.Python, r.Env, r.Dir, r.Code, r.Original, "")
	if err != nil {
		return result, fmt.Errorf("pytest: %w", err)
	}
	result.Python = strings.Join(python.argv, " ")
	dir, err := privateName()
	if err != nil {
		return result, fmt.Errorf("pytest: %w", err)
	}
	s := &pytestSession{host: h, run: r, began: time.Now(), leaks: watchLeaks(h, r.Env, placesOf(r)...)}
	defer s.close()
	pytest := []string{"-m", "pytest", "-p", pluginModule}
	if r.Code != "" {
		// What failed last is the user's, for --lf; without the plugin that keeps
		// it, pytest does not know that option, which may stand in addopts.
		pytest = append(pytest, "-o", "cache_dir="+filepath.Join(dir, "cache"))
	}
	command := Command{
		Args: slices.Concat(python.argv, pytest, []string{r.Suite}, r.Args),
		Dir:  r.Dir, Env: s.environment(dir), Deadline: r.Timeout, Grace: r.Grace,
		Private: dir, Prepare: func() error { return s.open(dir) },
		MaxBytes: pytestOutput, Tail: true, Merged: true,
		AtDeadline: func(last context.Context, tree []ID) { s.atDeadline(last, tree, ctx.Err() != nil) },
		AtLeft: func(last context.Context, left []Process) {
			result.Leaks = s.leaks.processes(last, left)
		},
	}
	kills := outOfMemoryKills(ctx, h)
	stop, let := s.watch(ctx), s.leaks.follow(ctx)
	ended, err := h.Act().Run(ctx, command)
	stop()
	let()
	var survivors *SurvivorsError
	if errors.As(err, &survivors) {
		for _, who := range survivors.Left {
			result.Leaks = append(result.Leaks, Leak{Kind: "process", Text: who + " is still there after SIGKILL"})
		}
	}
	if err != nil && ctx.Err() == nil && survivors == nil {
		return result, fmt.Errorf("pytest: %w", err)
	}
	s.oomKills = outOfMemoryKills(context.WithoutCancel(ctx), h) - kills
	s.tell(&result, ended, ctx.Err() != nil)
	s.imported(ctx, python, &result)
	result.Leaks = append(result.Leaks, s.leaks.files(context.WithoutCancel(ctx))...)
	if result.Outcome == "passed" && slices.ContainsFunc(result.Leaks, func(l Leak) bool { return l.Kind == "process" || l.Proved && r.Code == "" }) {
		result.Outcome = "leak"
	}
	if ctx.Err() != nil {
		return result, fmt.Errorf("pytest: %w", ctx.Err())
	}
	if s.story.pid == 0 && noPytest().Match(result.Output) {
		return result, fmt.Errorf("pytest: %w in %s (%s)", ErrNoPytest, result.Python, python.why)
	}
	if s.story.pid == 0 && result.Outcome != "startup-hang" && !isPython(ctx, h, python, r) {
		return result, fmt.Errorf("pytest: %w: %s is none: asked for its version it does not say one", ErrNoPython, result.Python)
	}
	return result, nil
}

// tiesGit reports whether a variable names git a repository.
func tiesGit(v string) bool {
	name, _, _ := strings.Cut(v, "=")
	return slices.Contains([]string{"GIT_DIR", "GIT_WORK_TREE", "GIT_COMMON_DIR", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_PREFIX"}, name)
}

// placesOf are the directories of a run in which its socket files may lie: where
// it is run, and where the suite is.
func placesOf(r PytestRun) []string {
	at, err := filepath.Abs(r.Dir)
	if err != nil {
		return nil
	}
	suite, _, _ := strings.Cut(r.Suite, "::")
	if !filepath.IsAbs(suite) {
		suite = filepath.Join(at, suite)
	}
	return []string{at, filepath.Dir(suite)}
}

// isPython asks an interpreter of whose pytest nothing was heard whether it is
// one.
func isPython(ctx context.Context, h Host, python interpreter, r PytestRun) bool {
	ask := slices.Concat(python.argv, []string{"-c", "import sys; print('python', sys.version_info[0])"})
	said, err := h.Act().Run(ctx, Command{Args: ask, Dir: r.Dir, Env: r.Env, Deadline: 20 * time.Second, Tail: true, MaxBytes: 4 << 10})
	return err != nil || said.TimedOut || strings.Contains(string(said.Stdout), "python 3")
}

var noPytest = lazyregexp.New(`No module named '?pytest\b`)

// pytestSession is a run under way.
type pytestSession struct {
	host   Host
	run    PytestRun
	began  time.Time
	leaks  *leakWatch
	events *os.File // that the plugin writes, and we read as it grows

	oomKills int // by the kernel, on this machine, during the run

	mu      sync.Mutex
	story   pytestStory
	timeout *timeoutProgram // around pytest
	looked  bool            // for that
	mark    *paceMark       // where the last stretch before the deadline began
	pace    *PytestPace     // how that went
	hung    *pytestStory    // the story as it stood at the deadline
	after   time.Duration   // when that was
}

// pluginLog is the file in the private directory that the plugin writes.
const pluginLog = "events"

// open puts the plugin and the file that it writes into dir.
func (s *pytestSession) open(dir string) error {
	if err := os.WriteFile(filepath.Join(dir, pluginModule+".py"), pytestPlugin, 0o600); err != nil {
		return err
	}
	events, err := os.OpenFile(filepath.Join(dir, pluginLog), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.events = events
	return err
}

func (s *pytestSession) close() {
	if s.events != nil {
		s.events.Close()
	}
}

// environment is the run's own, and the plugin's two names.
func (s *pytestSession) environment(dir string) []string {
	path := dir
	if had := envValue(s.run.Env, "PYTHONPATH"); had != "" {
		path += string(os.PathListSeparator) + had
	}
	env := append(slices.Clone(s.run.Env), "PYTHONPATH="+path, pluginEvents+"="+filepath.Join(dir, pluginLog))
	if s.run.Code != "" {
		t := newCodeTree(s.run.Code, s.run.Original)
		env = append(env, pluginImports+"="+t.code, pluginOriginal+"="+t.original)
	}
	return env
}

// read takes in what the plugin wrote meanwhile. The caller holds mu.
func (s *pytestSession) read() {
	if s.events == nil {
		return // it is not there yet
	}
	buf := make([]byte, 32<<10)
	for {
		n, err := s.events.Read(buf)
		s.story.feed(buf[:n], time.Now())
		if n == 0 || err != nil {
			return
		}
	}
}

// watch follows the run until stop is called.
func (s *pytestSession) watch(ctx context.Context) (stop func()) {
	done := make(chan struct{})
	var watching sync.WaitGroup
	watching.Go(func() {
		tick := time.NewTicker(progressEvery)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
			}
			s.mu.Lock()
			s.read()
			s.lookForTimeout(ctx)
			p := s.progress()
			over := s.hung != nil
			s.mu.Unlock()
			if !over {
				s.markPace(ctx)
			}
			if s.run.Progress != nil && !over {
				s.run.Progress(p)
			}
		}
	})
	return func() {
		close(done)
		watching.Wait()
	}
}

func (s *pytestSession) progress() PytestProgress {
	p := PytestProgress{Suite: s.run.Suite, Elapsed: time.Since(s.began), Done: s.story.done()}
	var running []*pytestProc
	if p.Phase, running = s.story.now(); len(running) > 0 {
		p.Test, p.TestFor = running[0].test, time.Since(running[0].since)
	}
	p.Slowest, p.SlowestFor = s.story.slowest()
	return p
}

// tell fills in what became of the run.
func (s *pytestSession) tell(result *PytestResult, ended Result, interrupted bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.read()
	story := &s.story
	result.ExitCode, result.Signal, result.Duration = ended.ExitCode, ended.Signal, ended.Duration
	result.Output, result.Cut = ended.Stdout, ended.Cut
	if story.interruptedBySignal() {
		result.Traceback = story.interrupt.Text
	}
	if s.hung != nil {
		story, result.Duration = s.hung, s.after
		result.Pace = s.pace
	}
	v := story.judge(ending{
		code: ended.ExitCode, signal: ended.Signal, timedOut: ended.TimedOut, stopped: interrupted,
		oomKills: s.oomKills, took: result.Duration, deadline: s.run.Timeout, timeout: s.timeout, direct: story.ppid == ended.Parent, output: string(ended.Stdout),
	})
	result.Outcome, result.Phase, result.Reason = v.outcome, v.phase, v.reason
	result.Tests = append([]PytestTest{}, story.tests...)
	if s.run.Code != "" { // a throw-away tree is gone when its path is read
		result.Reason = strings.ReplaceAll(result.Reason, s.run.Code+"/", "")
		for i := range result.Tests {
			result.Tests[i].Message = strings.ReplaceAll(result.Tests[i].Message, s.run.Code+"/", "")
		}
	}
	result.Running = []string{}
	_, running := story.now()
	for _, p := range running {
		result.Running = append(result.Running, p.test)
	}
	switch at := story.interrupt.ID; {
	case v.outcome == "crash":
		result.Running = append(result.Running, story.crashed...)
	case story == &s.story && at != "" && !slices.Contains(result.Running, at):
		result.Running, result.Phase = append(result.Running, at), story.interrupt.Phase
	}
	if story.pytest != "" {
		result.Version = "pytest " + story.pytest + ", python " + story.version
	}
}

// outOfMemoryKills is how many processes the kernel killed for want of memory
// since it booted, in /proc/vmstat; 0 where it does not say.
func outOfMemoryKills(ctx context.Context, h Host) int {
	data, err := h.ReadFile(ctx, "vmstat", nil)
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(data)) {
		if n, ok := strings.CutPrefix(line, "oom_kill "); ok {
			kills, _ := strconv.Atoi(strings.TrimSpace(n))
			return kills
		}
	}
	return 0
}
