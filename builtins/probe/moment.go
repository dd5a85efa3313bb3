package probe

import (
	"errors"
	"io/fs"
	"path"
	"strconv"
	"strings"
	"time"
)

// Moment is what a host answered at one time: every question that was asked,
// with its answer or its failure. A Recorder fills one for each sample, a
// Snapshot answers from them.
//
// Paths are relative to the root of proc and clean; "." is the root itself.
type Moment struct {
	At   time.Time     // of the last question
	Over time.Duration // since the moment before; 0 for the first

	Files   map[string][]byte
	Links   map[string]string
	Dirs    map[string][]string
	Sockets map[int]SocketAnswer // by pid
	Pipes   map[string]PipeFill  // by "pid/fd"
	Machine *Machine
	Failed  map[Question]Failure

	// LeftOut are the pids which were seen, and which whoever saved the snapshot
	// chose not to keep: they existed, and nothing more is known of them.
	LeftOut []int
}

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

// NewMoment returns one without any answers.
func NewMoment() *Moment {
	return &Moment{
		Files:   map[string][]byte{},
		Links:   map[string]string{},
		Dirs:    map[string][]string{},
		Sockets: map[int]SocketAnswer{},
		Pipes:   map[string]PipeFill{},
		Failed:  map[Question]Failure{},
	}
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
