package probe

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"sync"
	"time"
)

// ErrNotCaptured means that a snapshot cannot tell: nobody asked that question
// when it was taken. It is not "there is none".
var ErrNotCaptured = errors.New("not in the snapshot")

// SnapshotMeta is the head of a snapshot, snapshot.json in its archive.
type SnapshotMeta struct {
	Schema  string       `json:"schema"` // SnapshotSchema
	Host    string       `json:"host"`
	Kernel  string       `json:"kernel"`
	Arch    string       `json:"arch"` // as GOARCH says; names the system calls
	Boot    time.Time    `json:"boot"`
	Ticks   int64        `json:"ticks"`          // per second
	UID     int          `json:"uid"`            // whose eyes saw it
	Tool    string       `json:"tool,omitempty"` // what took it, with its version
	Taken   time.Time    `json:"taken"`          // the first sample
	Samples []SampleMeta `json:"samples"`
	PIDs    []int        `json:"pids"` // that were kept, in any sample

	Trees []CapturedTree `json:"trees,omitempty"` // that whoever took it had chosen; none = not said
}

// SampleMeta says when one sample was read.
type SampleMeta struct {
	At   time.Time     `json:"at"`
	Over time.Duration `json:"over_ns"` // since the one before
}

// SnapshotSchema is the version of the format. Readers ignore what they do not
// know; what is there is never renamed.
const SnapshotSchema = "runbook/snapshot/v1"

// Snapshot is a Host that answers from a capture, on any machine. Its time is
// that of the sample at which it stands, which Sleep moves.
//
// What was found absent then is fs.ErrNotExist now, and so is a process that
// nobody saw. What nobody asked then is ErrNotCaptured.
type Snapshot struct {
	Meta SnapshotMeta

	moments []*Moment

	mu    sync.Mutex
	at    int              // index of the sample
	asked map[Question]int // how often, in this sample
}

// NewSnapshot makes a snapshot of moments, of which there is at least one. The
// times and pids in meta are filled in from them.
func NewSnapshot(meta SnapshotMeta, moments []*Moment) *Snapshot {
	meta.Schema = SnapshotSchema
	meta.Samples = nil
	pids := map[int]bool{}
	for _, m := range moments {
		meta.Samples = append(meta.Samples, SampleMeta{m.At, m.Over})
		m.eachPID(func(pid int) { pids[pid] = true })
	}
	delete(pids, 0) // the machine's own files
	meta.Taken = moments[0].At
	meta.PIDs = sortedKeys(pids)
	return &Snapshot{Meta: meta, moments: moments, asked: map[Question]int{}}
}

// eachPID names every process of which something was read.
func (m *Moment) eachPID(f func(pid int)) {
	for _, a := range m.Asked {
		for p := range a.Files {
			f(pidOf(p))
		}
		for p := range a.Links {
			f(pidOf(p))
		}
		for p := range a.Dirs {
			f(pidOf(p))
		}
		for pid := range a.Sockets {
			f(pid)
		}
	}
}

func (s *Snapshot) moment() *Moment {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.moments[s.at]
}

// Rewind goes back to the first sample, for another run over the same capture.
func (s *Snapshot) Rewind() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.at = 0
	clear(s.asked)
}

// ask finds the answer to a question: at its nth asking in a sample the nth
// that was given then, so that a replay sees what was seen. The error is that
// of then, or says that there is no answer.
func (s *Snapshot) ask(ctx context.Context, op, about string) (reply, error) {
	if err := ctx.Err(); err != nil {
		return reply{}, err
	}
	q := Question{op, about}
	s.mu.Lock()
	m, n := s.moments[s.at], s.asked[q]
	s.asked[q]++
	s.mu.Unlock()
	x, ok := m.get(q, n)
	switch {
	case !ok:
		return x, s.missing(m, q)
	case x.failed != nil:
		return x, *x.failed
	}
	return x, nil
}

// missing is the error for a question that nobody asked.
func (s *Snapshot) missing(m *Moment, q Question) error {
	err := ErrNotCaptured
	if pid := pidOf(q.About); pid > 0 && !s.wasThere(m, pid) {
		err = fs.ErrNotExist
	}
	return fmt.Errorf("%s %s: %w", q.Op, q.About, err)
}

// wasThere reports whether a process may have been there at that moment: it
// was listed, or left out, or nobody listed proc then and it was seen in
// another sample.
func (s *Snapshot) wasThere(m *Moment, pid int) bool {
	_, kept := slices.BinarySearch(s.Meta.PIDs, pid)
	_, left := slices.BinarySearch(m.LeftOut, pid)
	if names, listed := m.get(Question{"readdir", "."}, maxAsked); listed {
		kept = slices.Contains(names.names, pidText(pid)) || m.read(pid)
	}
	return kept || left
}

// read reports whether anything was read of a process.
func (m *Moment) read(pid int) bool {
	found := false
	m.eachPID(func(p int) { found = found || p == pid })
	return found
}

// ReadFile implements Host.
func (s *Snapshot) ReadFile(ctx context.Context, path string, buf []byte) ([]byte, error) {
	x, err := s.ask(ctx, "read", procPath(path))
	if err != nil {
		return nil, err
	}
	return append(buf[:0], x.data...), nil
}

// Readlink implements Host.
func (s *Snapshot) Readlink(ctx context.Context, path string) (string, error) {
	x, err := s.ask(ctx, "readlink", procPath(path))
	return x.text, err
}

// ReadDir implements Host.
func (s *Snapshot) ReadDir(ctx context.Context, dir string) ([]string, error) {
	dir = procPath(dir)
	x, err := s.ask(ctx, "readdir", dir)
	if dir == "." && errors.Is(err, ErrNotCaptured) {
		return s.processes(), nil
	}
	return slices.Clone(x.names), err
}

// processes lists who was there, for a capture which began at known pids and so
// never listed proc: its processes are all that a snapshot knows of anyway.
func (s *Snapshot) processes() []string {
	m := s.moment()
	pids := map[int]bool{}
	for _, a := range m.Asked {
		for p := range a.Files {
			if pid := pidOf(p); pid > 0 && path.Base(p) == "stat" {
				pids[pid] = true
			}
		}
	}
	names := make([]string, 0, len(pids))
	for _, pid := range sortedKeys(pids) {
		names = append(names, pidText(pid))
	}
	return names
}

// Sockets implements Host.
func (s *Snapshot) Sockets(ctx context.Context, pid int, fds []FD) ([]Socket, error) {
	x, err := s.ask(ctx, "sockets", pidText(pid))
	if err != nil {
		return nil, err
	}
	rows := []Socket{}
	for _, fd := range fds {
		if _, asked := slices.BinarySearch(x.sockets.Asked, fd.Num); !asked && fd.Kind == "socket" {
			return nil, fmt.Errorf("sockets %d, fd %d: %w", pid, fd.Num, ErrNotCaptured)
		}
		for _, row := range x.sockets.Rows {
			if row.FD == fd.Num {
				rows = append(rows, row)
			}
		}
	}
	return rows, nil
}

// Pipe implements Host.
func (s *Snapshot) Pipe(ctx context.Context, pid int, fd FD) (PipeFill, error) {
	x, err := s.ask(ctx, "pipe", pipeKey(pid, fd))
	return x.fill, err
}

// Machine implements Host. With an error it is known in part.
func (s *Snapshot) Machine(ctx context.Context) (Machine, error) {
	x, err := s.ask(ctx, "machine", "")
	if x.machine == nil {
		return Machine{}, err
	}
	return *x.machine, err
}

// Now implements Host: the time of the sample.
func (s *Snapshot) Now() time.Time { return s.moment().At }

// Clock implements Host. Its PID is 0: none of the processes is ours.
func (s *Snapshot) Clock() Clock {
	return Clock{Boot: s.Meta.Boot, Ticks: s.Meta.Ticks, UID: s.Meta.UID, Arch: s.Meta.Arch,
		Hostname: s.Meta.Host, Kernel: s.Meta.Kernel}
}

// Sleep implements Host: it goes to the next sample and returns how long after
// the one before that was taken, whatever d is.
//
// At the last sample it stays, and returns 0. It was tempting to return the
// usual distance: then every second look at the same bytes would have proved
// that nothing moved.
func (s *Snapshot) Sleep(ctx context.Context, d time.Duration) (time.Duration, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.at == len(s.moments)-1 {
		return 0, nil
	}
	s.at++
	clear(s.asked)
	return s.moments[s.at].Over, nil
}

// Act implements Host: a capture can only be looked at.
func (s *Snapshot) Act() Actor { return nil }

func pidText(pid int) string { return strconv.Itoa(pid) }

func sortedKeys(set map[int]bool) []int {
	keys := make([]int, 0, len(set))
	for k := range set {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
