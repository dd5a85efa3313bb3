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
// the answers, one Moment for each sample: Sleep begins the next. It may be
// used by several goroutines.
type Recorder struct {
	host Host

	mu      sync.Mutex
	moments []*Moment
	asked   map[Question]int // how often, in this moment
}

// NewRecorder notes what is read through it from h.
func NewRecorder(h Host) *Recorder {
	return &Recorder{host: h, moments: []*Moment{{}}, asked: map[Question]int{}}
}

// note writes down what q gave. Our own giving up is no fact about the host.
func (r *Recorder) note(op, about string, err error, x reply) {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, ErrNotCaptured) {
		return
	}
	if err != nil {
		f := failure(err)
		x.failed = &f
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	m := r.moments[len(r.moments)-1]
	if m.At.IsZero() {
		m.At = r.host.Now()
	}
	q := Question{op, about}
	m.put(q, r.asked[q], x)
	r.asked[q]++
}

// ReadFile implements Host.
func (r *Recorder) ReadFile(ctx context.Context, path string, buf []byte) ([]byte, error) {
	data, err := r.host.ReadFile(ctx, path, buf)
	r.note("read", procPath(path), err, reply{data: slices.Clone(data)})
	return data, err
}

// Readlink implements Host.
func (r *Recorder) Readlink(ctx context.Context, path string) (string, error) {
	text, err := r.host.Readlink(ctx, path)
	r.note("readlink", procPath(path), err, reply{text: text})
	return text, err
}

// ReadDir implements Host.
func (r *Recorder) ReadDir(ctx context.Context, path string) ([]string, error) {
	names, err := r.host.ReadDir(ctx, path)
	r.note("readdir", procPath(path), err, reply{names: slices.Clone(names)})
	return names, err
}

// Sockets implements Host.
func (r *Recorder) Sockets(ctx context.Context, pid int, fds []FD) ([]Socket, error) {
	rows, err := r.host.Sockets(ctx, pid, fds)
	x := SocketAnswer{Rows: slices.Clone(rows)}
	for _, fd := range fds {
		x.Asked = append(x.Asked, fd.Num)
	}
	slices.Sort(x.Asked)
	r.note("sockets", pidText(pid), err, reply{sockets: x})
	return rows, err
}

// Pipe implements Host.
func (r *Recorder) Pipe(ctx context.Context, pid int, fd FD) (PipeFill, error) {
	fill, err := r.host.Pipe(ctx, pid, fd)
	r.note("pipe", pipeKey(pid, fd), err, reply{fill: fill})
	return fill, err
}

// Machine implements Host. What could be read of it is kept beside the error.
func (r *Recorder) Machine(ctx context.Context) (Machine, error) {
	machine, err := r.host.Machine(ctx)
	r.note("machine", "", err, reply{machine: &machine})
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
	r.moments = append(r.moments, &Moment{Over: slept})
	clear(r.asked)
	return slept, nil
}

// KeepMemory notes what package pystack read of the memory of a process. It has
// secrets in it: nobody calls this who was not told to.
func (r *Recorder) KeepMemory(pid int, recording []byte) {
	r.note("read", pidPath(pid, "pystack"), nil, reply{data: recording})
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
