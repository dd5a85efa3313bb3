package probe

import (
	"errors"
	"io/fs"
	"path"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// Moment is what a host answered at one time: every question that was asked,
// with its answer or its failure. A Recorder fills one for each sample, a
// Snapshot answers from them.
type Moment struct {
	At   time.Time     // of the last question
	Over time.Duration // since the moment before; 0 for the first

	// Asked[n] has what the question gave when it was asked for the n+1st time,
	// where that was not what it gave before. Things move while they are read: a
	// replay that always gave the last answer would show descriptors whose
	// sockets nobody has read.
	Asked []*Answers

	// LeftOut are the pids which were seen, and which whoever saved the snapshot
	// chose not to keep: they existed, and nothing more is known of them.
	LeftOut []int
}

// Answers is one answer to each of some questions. Paths are relative to the
// root of proc and clean; "." is the root itself.
type Answers struct {
	Files   map[string][]byte
	Links   map[string]string
	Dirs    map[string][]string
	Sockets map[int]SocketAnswer // by pid
	Pipes   map[string]PipeFill  // by "pid/fd"
	Machine *Machine
	Failed  map[Question]Failure
}

// maxAsked bounds Moment.Asked: what is asked more often keeps the last answer.
const maxAsked = 64

// SocketAnswer is what Host.Sockets said of one process.
type SocketAnswer struct {
	Asked []int    // descriptors that were asked about: one without a row is no TCP or UNIX socket
	Rows  []Socket // unjoined
}

// Question is one call of a Host: an operation (read, readlink, readdir,
// sockets, pipe, machine) and what it was about.
type Question struct{ Op, About string }

// Failure is an error that can be written down: its text, and which of the
// kinds that callers tell apart it is.
type Failure struct {
	Kind string `json:"kind"` // absent, denied, timeout, unsupported; "" any other
	Text string `json:"text"`
}

var failureKinds = []struct {
	kind string
	is   error
}{
	{"absent", fs.ErrNotExist},
	{"denied", fs.ErrPermission},
	{"timeout", ErrTimeout},
	{"unsupported", ErrUnsupported},
}

// failure writes err down.
func failure(err error) Failure {
	f := Failure{Text: err.Error()}
	for _, k := range failureKinds {
		if errors.Is(err, k.is) {
			f.Kind = k.kind
			break
		}
	}
	return f
}

// Error is the text of the error as it was.
func (f Failure) Error() string { return f.Text }

// Unwrap gives the kind back, so that errors.Is answers as it did then.
func (f Failure) Unwrap() error {
	for _, k := range failureKinds {
		if k.kind == f.Kind {
			return k.is
		}
	}
	return nil
}

// reply is what one asking gave. The field that goes with the operation is
// set, and so is failed when it failed; a machine may have both.
type reply struct {
	data    []byte
	text    string
	names   []string
	sockets SocketAnswer
	fill    PipeFill
	machine *Machine
	failed  *Failure
}

// NewAnswers returns none.
func NewAnswers() *Answers {
	return &Answers{
		Files:   map[string][]byte{},
		Links:   map[string]string{},
		Dirs:    map[string][]string{},
		Sockets: map[int]SocketAnswer{},
		Pipes:   map[string]PipeFill{},
		Failed:  map[Question]Failure{},
	}
}

// put adds, or replaces, the answer to q.
func (a *Answers) put(q Question, x reply) {
	delete(a.Failed, q)
	if x.failed != nil {
		a.Failed[q] = *x.failed
	}
	if x.failed != nil && x.machine == nil {
		return
	}
	switch q.Op {
	case "read":
		a.Files[q.About] = x.data
	case "readlink":
		a.Links[q.About] = x.text
	case "readdir":
		a.Dirs[q.About] = x.names
	case "sockets":
		a.Sockets[pidOf(q.About)] = x.sockets
	case "pipe":
		a.Pipes[q.About] = x.fill
	case "machine":
		a.Machine = x.machine
	}
}

// get returns the answer to q, if there is one.
func (a *Answers) get(q Question) (x reply, ok bool) {
	if f, failed := a.Failed[q]; failed {
		x.failed, ok = &f, true
	}
	found := false
	switch q.Op {
	case "read":
		x.data, found = a.Files[q.About]
	case "readlink":
		x.text, found = a.Links[q.About]
	case "readdir":
		x.names, found = a.Dirs[q.About]
	case "sockets":
		x.sockets, found = a.Sockets[pidOf(q.About)]
	case "pipe":
		x.fill, found = a.Pipes[q.About]
	case "machine":
		x.machine = a.Machine
		found = a.Machine != nil
	}
	return x, ok || found
}

// get returns what q gave when it was asked for the n+1st time.
func (m *Moment) get(q Question, n int) (reply, bool) {
	for n = min(n, len(m.Asked)-1); n >= 0; n-- {
		if x, ok := m.Asked[n].get(q); ok {
			return x, true
		}
	}
	return reply{}, false
}

// put notes what q gave when it was asked for the n+1st time.
func (m *Moment) put(q Question, n int, x reply) {
	if n > 0 {
		if before, ok := m.get(q, n-1); ok && reflect.DeepEqual(before, x) {
			return
		}
	}
	n = min(n, maxAsked-1)
	for len(m.Asked) <= n {
		m.Asked = append(m.Asked, NewAnswers())
	}
	m.Asked[n].put(q, x)
}

// procPath is the one spelling of a path below proc.
func procPath(p string) string { return path.Clean(strings.TrimLeft(p, "/")) }

// pidOf is the process that a path lies under; 0 when it is the machine's.
func pidOf(p string) int {
	first, _, _ := strings.Cut(p, "/")
	pid, err := strconv.Atoi(first)
	if err != nil || pid < 0 {
		return 0
	}
	return pid
}

func pipeKey(pid int, fd FD) string { return strconv.Itoa(pid) + "/" + strconv.Itoa(fd.Num) }
