package probe

import (
	"context"
	"errors"
	"io"
	"slices"
	"sync"
	"time"
)

// Recorder is a Host that passes every question on to another one and notes
// the answers, one Moment for each sample: Sleep begins the next.
//
// A question that is asked twice within a sample keeps its last answer, which
// is the one that verdicts rest on. It may be used by several goroutines.
type Recorder struct {
	host Host

	mu      sync.Mutex
	moments []*Moment
}

// NewRecorder notes what is read through it from h.
func NewRecorder(h Host) *Recorder {
	return &Recorder{host: h, moments: []*Moment{NewMoment()}}
}

// note runs keep on the current moment, or writes the failure of q down.
// Our own giving up is no fact about the host.
func (r *Recorder) note(q Question, err error, keep func(m *Moment)) {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, ErrNotCaptured) {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	m := r.moments[len(r.moments)-1]
	if m.At.IsZero() {
		m.At = r.host.Now()
	}
	if err != nil {
		m.forget(q)
		m.Failed[q] = failure(err)
		return
	}
	delete(m.Failed, q)
	keep(m)
}

// forget drops an earlier answer, so that a question has one at most.
func (m *Moment) forget(q Question) {
	switch q.Op {
	case "sockets":
		delete(m.Sockets, pidOf(q.About))
	case "read":
		delete(m.Files, q.About)
	case "readlink":
		delete(m.Links, q.About)
	case "readdir":
		delete(m.Dirs, q.About)
	case "pipe":
		delete(m.Pipes, q.About)
	}
}

// ReadFile implements Host.
func (r *Recorder) ReadFile(ctx context.Context, path string, buf []byte) ([]byte, error) {
	data, err := r.host.ReadFile(ctx, path, buf)
	path = procPath(path)
	r.note(Question{"read", path}, err, func(m *Moment) { m.Files[path] = slices.Clone(data) })
	return data, err
}

// Readlink implements Host.
func (r *Recorder) Readlink(ctx context.Context, path string) (string, error) {
	text, err := r.host.Readlink(ctx, path)
	path = procPath(path)
	r.note(Question{"readlink", path}, err, func(m *Moment) { m.Links[path] = text })
	return text, err
}

// ReadDir implements Host.
func (r *Recorder) ReadDir(ctx context.Context, path string) ([]string, error) {
	names, err := r.host.ReadDir(ctx, path)
	path = procPath(path)
	r.note(Question{"readdir", path}, err, func(m *Moment) { m.Dirs[path] = slices.Clone(names) })
	return names, err
}

// Sockets implements Host.
func (r *Recorder) Sockets(ctx context.Context, pid int, fds []FD) ([]Socket, error) {
	rows, err := r.host.Sockets(ctx, pid, fds)
	r.note(Question{"sockets", pidText(pid)}, err, func(m *Moment) {
		m.Sockets[pid] = m.Sockets[pid].with(fds, rows)
	})
	return rows, err
}

// with adds the answer about fds, which replaces an earlier one about the same.
func (a SocketAnswer) with(fds []FD, rows []Socket) SocketAnswer {
	again := map[int]bool{}
	for _, fd := range fds {
		again[fd.Num] = true
	}
	var out SocketAnswer
	for _, n := range a.Asked {
		if !again[n] {
			out.Asked = append(out.Asked, n)
		}
	}
	for _, s := range a.Rows {
		if !again[s.FD] {
			out.Rows = append(out.Rows, s)
		}
	}
	for n := range again {
		out.Asked = append(out.Asked, n)
	}
	out.Rows = append(out.Rows, rows...)
	slices.Sort(out.Asked)
	slices.SortStableFunc(out.Rows, func(a, b Socket) int { return a.FD - b.FD })
	return out
}

// Pipe implements Host.
func (r *Recorder) Pipe(ctx context.Context, pid int, fd FD) (PipeFill, error) {
	fill, err := r.host.Pipe(ctx, pid, fd)
	key := pipeKey(pid, fd)
	r.note(Question{"pipe", key}, err, func(m *Moment) { m.Pipes[key] = fill })
	return fill, err
}

// Machine implements Host. What could be read of it is kept beside the error.
func (r *Recorder) Machine(ctx context.Context) (Machine, error) {
	machine, err := r.host.Machine(ctx)
	keep := func(m *Moment) { m.Machine = &machine }
	r.note(Question{"machine", ""}, nil, keep)
	if err != nil {
		r.note(Question{"machine", ""}, err, keep)
	}
	return machine, err
}

// Now implements Host. A moment has the time at which it was last asked for:
// that is just before the readings which count.
func (r *Recorder) Now() time.Time {
	now := r.host.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.moments[len(r.moments)-1].At = now
	return now
}

// Clock implements Host.
func (r *Recorder) Clock() Clock { return r.host.Clock() }

// Sleep implements Host, and begins the next sample.
func (r *Recorder) Sleep(ctx context.Context, d time.Duration) (time.Duration, error) {
	slept, err := r.host.Sleep(ctx, d)
	if err != nil {
		return slept, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	next := NewMoment()
	next.Over = slept
	r.moments = append(r.moments, next)
	return slept, nil
}

// Act implements Host. What is done through it is not noted.
func (r *Recorder) Act() Actor { return r.host.Act() }

// Snapshot returns what was noted of the processes that keep names, with
// secrets in command lines masked: the fields of meta that the recorder knows
// itself are filled in. The recorder may go on.
func (r *Recorder) Snapshot(meta SnapshotMeta, keep func(pid int) bool) *Snapshot {
	r.mu.Lock()
	defer r.mu.Unlock()
	clock := r.host.Clock()
	meta.Host, meta.Kernel, meta.Boot, meta.Ticks, meta.UID = clock.Hostname, clock.Kernel, clock.Boot, clock.Ticks, clock.UID
	meta.Arch = clock.Arch
	moments := make([]*Moment, 0, len(r.moments))
	for _, m := range r.moments {
		moments = append(moments, m.only(keep))
	}
	return NewSnapshot(meta, moments)
}

// Save writes Snapshot(meta, keep) as an archive, see Snapshot.Save.
func (r *Recorder) Save(w io.Writer, meta SnapshotMeta, keep func(pid int) bool) error {
	return r.Snapshot(meta, keep).Save(w)
}
