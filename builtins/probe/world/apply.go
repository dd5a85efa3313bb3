package world

import (
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"runbook/builtins/probe"
)

// world is what the lines so far describe.
type world struct {
	at                 place // of the line that is read
	name, kernel, arch string
	uid                int
	machine            probe.Machine
	procs              map[int]*process
	files              map[string]file
	failed             []failure
	locks              []string
	trees              []probe.CapturedTree
}

// place is a line of the text, and the sample in which it stands.
type place struct{ line, sample int }

// file is one below proc that a line gives in full.
type file struct {
	place
	text string
}

// failure is a path that cannot be read.
type failure struct {
	place
	path, how string // "denied", "timeout"
}

// descriptor is an open file; socket is set for one of these.
type descriptor struct {
	place
	link   string
	flags  int    // O_RDONLY 0, O_WRONLY 1, O_RDWR 2
	inode  uint64 // as fdinfo has it
	info   string // further lines of fdinfo
	socket *probe.Socket
	peer   string // PID:FD
	pipe   *probe.PipeFill
	epoll  []watch
}

type watch struct {
	fd     int
	events uint64
}

func newWorld() *world {
	return &world{
		name: "box", kernel: "6.18.0", arch: "amd64", uid: 1000,
		machine: probe.Machine{CPUs: 2, PtraceScope: -1, PidMax: 32768},
		procs:   map[int]*process{},
		files:   map[string]file{},
	}
}

// apply reads a line. A thing may be said twice, in a later sample: then it has
// changed meanwhile.
func (w *world) apply(words []string) error {
	what, rest := words[0], words[1:]
	switch what {
	case "host":
		return w.host(rest)
	case "lock":
		return w.lock(rest)
	case "file":
		return w.file(rest)
	case "denied", "timeout":
		return w.fail(what, rest)
	case "chosen":
		return w.chosen(rest)
	case "doing":
		return w.doing(rest)
	case "python":
		return w.python(rest)
	case "gone":
		return w.gone(rest)
	}
	if pid, fd, ok := pair(what, ":"); ok {
		p := w.procs[pid]
		if p == nil {
			return fmt.Errorf("%s: there is no process %d yet", what, pid)
		}
		d, err := w.descriptor(pid, fd, rest)
		if had := p.fds[fd]; had != nil && err == nil {
			err = w.again(had.place)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
		p.fds[fd] = d
		return nil
	}
	if pid, tid, ok := pair(what, "/"); ok {
		p := w.procs[pid]
		if p == nil {
			return fmt.Errorf("%s: there is no process %d yet", what, pid)
		}
		if err := w.thread(p, tid, rest); err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
		return nil
	}
	if pid, err := strconv.Atoi(what); err == nil && pid > 0 {
		if err := w.process(pid, rest); err != nil {
			return fmt.Errorf("process %d: %w", pid, err)
		}
		return nil
	}
	return &Unknown{fmt.Sprintf("no line begins with %q", bare(what)), bare(what), beginnings}
}

var beginnings = []string{"PID", "PID/TID", "PID:FD", "host", "lock", "file", "python", "denied", "timeout", "gone", "chosen", "doing", "---"}

// again is the error of saying a thing twice in one sample.
func (w *world) again(had place) error {
	if had.sample == w.at.sample {
		return fmt.Errorf("it is there already, since line %d", had.line)
	}
	return nil
}

func pair(s, sep string) (a, b int, ok bool) {
	x, y, ok := strings.Cut(s, sep)
	a, errA := strconv.Atoi(x)
	b, errB := strconv.Atoi(y)
	return a, b, ok && errA == nil && errB == nil && a > 0 && b >= 0
}

func (w *world) file(rest []string) error {
	if len(rest) != 2 || !strings.HasPrefix(rest[1], quote) {
		return errors.New(`file PATH "TEXT"`)
	}
	path := bare(rest[0])
	if !filepath.IsLocal(path) {
		return fmt.Errorf("file %s: want a path below proc, as locks or 100/status", path)
	}
	if had, ok := w.files[path]; ok {
		if err := w.again(had.place); err != nil {
			return fmt.Errorf("file %s: %w", path, err)
		}
	}
	w.files[path] = file{w.at, bare(rest[1])}
	return nil
}

func (w *world) fail(how string, rest []string) error {
	if len(rest) == 0 {
		return fmt.Errorf("%s PATH…", how)
	}
	for _, path := range rest {
		w.failed = append(w.failed, failure{w.at, bare(path), how})
	}
	return nil
}

func (w *world) gone(rest []string) error {
	if len(rest) == 0 {
		return errors.New("gone PID|PID:FD|PID/TID…")
	}
	for _, what := range rest {
		if !w.remove(what) {
			return fmt.Errorf("gone %s: it is not there", bare(what))
		}
	}
	return nil
}

// remove reports whether it was there.
func (w *world) remove(what string) bool {
	if pid, fd, ok := pair(what, ":"); ok && w.procs[pid] != nil && w.procs[pid].fds[fd] != nil {
		delete(w.procs[pid].fds, fd)
		return true
	}
	if pid, tid, ok := pair(what, "/"); ok && tid != pid && w.procs[pid] != nil && w.procs[pid].threads[tid] != nil {
		delete(w.procs[pid].threads, tid)
		return true
	}
	if pid, err := strconv.Atoi(what); err == nil && w.procs[pid] != nil {
		delete(w.procs, pid)
		return true
	}
	return false
}

// there is the pid of a process of the world.
func (w *world) there(word string) (int, error) {
	pid, err := strconv.Atoi(word)
	if err != nil || w.procs[pid] == nil {
		return 0, fmt.Errorf("there is no process %s yet", bare(word))
	}
	return pid, nil
}
