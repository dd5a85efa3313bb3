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

	mu sync.Mutex
	at int // index of the sample
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
	meta.Taken = moments[0].At
	meta.PIDs = sortedKeys(pids)
	return &Snapshot{Meta: meta, moments: moments}
}

// eachPID names every process of which something was read.
func (m *Moment) eachPID(f func(pid int)) {
	for p := range m.Files {
		if pid := pidOf(p); pid > 0 {
			f(pid)
		}
	}
	for p := range m.Links {
		if pid := pidOf(p); pid > 0 {
			f(pid)
		}
	}
	for p := range m.Dirs {
		if pid := pidOf(p); pid > 0 {
			f(pid)
		}
	}
	for pid := range m.Sockets {
		f(pid)
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
}

// missing is the error for a question without an answer.
func (s *Snapshot) missing(m *Moment, q Question, pid int) error {
	if f, ok := m.Failed[q]; ok {
		return f
	}
	err := ErrNotCaptured
	if pid > 0 && !s.wasThere(m, pid) {
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
	names, listed := m.Dirs["."]
	if listed {
		kept = slices.Contains(names, pidText(pid))
	}
	return kept || left
}

// ReadFile implements Host.
func (s *Snapshot) ReadFile(ctx context.Context, path string, buf []byte) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	path = procPath(path)
	m := s.moment()
	if data, ok := m.Files[path]; ok {
		return append(buf[:0], data...), nil
	}
	return nil, s.missing(m, Question{"read", path}, pidOf(path))
}

// Readlink implements Host.
func (s *Snapshot) Readlink(ctx context.Context, path string) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	path = procPath(path)
	m := s.moment()
	if text, ok := m.Links[path]; ok {
		return text, nil
	}
	return "", s.missing(m, Question{"readlink", path}, pidOf(path))
}

// ReadDir implements Host.
func (s *Snapshot) ReadDir(ctx context.Context, dir string) ([]string, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	dir = procPath(dir)
	m := s.moment()
	if names, ok := m.Dirs[dir]; ok {
		return slices.Clone(names), nil
	}
	if dir == "." {
		return m.processes(), nil
	}
	return nil, s.missing(m, Question{"readdir", dir}, pidOf(dir))
}

// processes lists who was there, for a capture which began at known pids and so
// never listed proc: its processes are all that a snapshot knows of anyway.
func (m *Moment) processes() []string {
	pids := map[int]bool{}
	for p := range m.Files {
		if pid := pidOf(p); pid > 0 && path.Base(p) == "stat" {
			pids[pid] = true
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
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m := s.moment()
	q := Question{"sockets", pidText(pid)}
	answer, ok := m.Sockets[pid]
	if !ok {
		return nil, s.missing(m, q, pid)
	}
	var rows []Socket
	for _, fd := range fds {
		if _, asked := slices.BinarySearch(answer.Asked, fd.Num); !asked && fd.Kind == "socket" {
			return nil, fmt.Errorf("%s %s, fd %d: %w", q.Op, q.About, fd.Num, ErrNotCaptured)
		}
		for _, row := range answer.Rows {
			if row.FD == fd.Num {
				rows = append(rows, row)
			}
		}
	}
	return rows, nil
}

// Pipe implements Host.
func (s *Snapshot) Pipe(ctx context.Context, pid int, fd FD) (PipeFill, error) {
	if err := ctx.Err(); err != nil {
		return PipeFill{}, err
	}
	m := s.moment()
	key := pipeKey(pid, fd)
	if fill, ok := m.Pipes[key]; ok {
		return fill, nil
	}
	return PipeFill{}, s.missing(m, Question{"pipe", key}, pid)
}

// Machine implements Host.
func (s *Snapshot) Machine(ctx context.Context) (Machine, error) {
	if err := ctx.Err(); err != nil {
		return Machine{}, err
	}
	m := s.moment()
	q := Question{"machine", ""}
	if m.Machine == nil {
		return Machine{}, s.missing(m, q, 0)
	}
	if f, failed := m.Failed[q]; failed {
		return *m.Machine, f // in part
	}
	return *m.Machine, nil
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
