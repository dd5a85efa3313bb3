package probe

import (
	"context"
	"slices"
	"time"
)

// Sample is two looks at the same processes. A queue, a state or a CPU figure
// read once is a snapshot of a moving thing; "stuck" means unchanged between
// First and Second.
type Sample struct {
	Over  time.Duration // between the looks; 0 = looked once, and nothing is "unchanged"
	At    time.Time     // of the second look
	Pairs []Pair        // in the order of the processes that were asked for, then outsiders that hold what these wait for
	Locks []Lock        // for which one of these waits, at the second look; nil when /proc/locks could not be read
}

// Pair is the two readings of one process.
type Pair struct {
	First, Second Reading
	Over          time.Duration // as Sample.Over
}

// TakeSample looks at procs twice, over apart. With over 0 it looks once, and
// Second is First. On a snapshot the distance is that of its samples.
func TakeSample(ctx context.Context, h Host, procs []Process, over time.Duration) (*Sample, error) {
	first, err := Look(ctx, h, procs)
	if err != nil {
		return nil, err
	}
	if others := outsiders(ctx, h, first); len(others) > 0 {
		more, err := Look(ctx, h, others)
		if err != nil {
			return nil, err
		}
		procs = append(slices.Clip(procs), others...)
		first = append(first, more...)
	}
	second := first
	if over > 0 {
		if over, err = h.Sleep(ctx, over); err != nil {
			return nil, err
		}
		if second, err = Look(ctx, h, procs); err != nil {
			return nil, err
		}
	}
	s := &Sample{Over: over, At: h.Now(), Pairs: make([]Pair, len(procs))}
	for i := range procs {
		s.Pairs[i] = Pair{First: first[i], Second: second[i], Over: over}
	}
	s.Locks = locksAmong(ctx, h, second)
	return s, nil
}

// locksAmong are the locks for which one of the processes waits: none, and
// nothing read, where each of their threads is known to wait for something
// else. The kernel answers /proc/locks when every processor has passed a quiet
// moment (percpu_down_write in locks_start of fs/locks.c): 10 ms, which is half
// of a run.
//
// The rows of open file description locks name nobody: the descriptors of the
// processes tell who holds these. To read them always would cost more than all
// the rest of a look.
func locksAmong(ctx context.Context, h Host, readings []Reading) []Lock {
	if !slices.ContainsFunc(readings, mayWaitForLock) {
		return []Lock{}
	}
	pids := make([]int, len(readings))
	for i := range readings {
		pids[i] = readings[i].Process.PID
	}
	locks, err := locksWaitedFor(ctx, h, pids) // notes its own coverage
	if err != nil || !slices.ContainsFunc(readings, func(r Reading) bool { return atLock(&r) != nil }) {
		return locks
	}
	if ours, err := LocksOf(ctx, h, pids); err == nil {
		locks = append(slices.DeleteFunc(locks, nameless), slices.DeleteFunc(ours, func(l Lock) bool { return !nameless(l) })...)
	}
	return locks
}

// mayWaitForLock reports whether a thread may be blocked in a file lock, as far
// as its wait tells: a file system of its own has its own way to wait.
func mayWaitForLock(r Reading) bool {
	if r.Gone || r.Process.Zombie() {
		return false
	}
	return !r.HasThreads || slices.ContainsFunc(r.Threads, func(t Thread) bool {
		switch t.Family {
		case "flock", "fcntl_lock", "disk", "frozen", "other", "":
			return true
		}
		return false
	})
}

func nameless(l Lock) bool {
	return l.PID < 0 && slices.ContainsFunc(l.Waiters, func(w LockWaiter) bool { return w.PID < 0 })
}

// Of returns the pair of one process, nil when it is not in the sample.
func (s *Sample) Of(id ID) *Pair {
	for i := range s.Pairs {
		if s.Pairs[i].First.Process.ID == id {
			return &s.Pairs[i]
		}
	}
	return nil
}

// Gone reports whether the process ended during the sample.
func (p *Pair) Gone() bool { return p.First.Gone || p.Second.Gone }

// CPU is the processor time that all its threads used between the looks, in
// steps of the kernel's tick.
func (p *Pair) CPU() time.Duration {
	if p.Gone() {
		return 0
	}
	return p.Second.Process.CPU - p.First.Process.CPU
}

// Share is CPU over the time between the looks: 1.0 is one processor, all the
// time. 0 when there was one look.
func (p *Pair) Share() float64 {
	elapsed := p.Second.At.Sub(p.First.At)
	if elapsed <= 0 {
		return 0
	}
	return float64(p.CPU()) / float64(elapsed)
}

// Switches counts how often the main thread was put on or off a processor
// between the looks; -1 unknown. 0 proves that it did not run at all: what it
// waited for at the first look, it waited for throughout.
func (p *Pair) Switches() int {
	a, b := p.First.Main(), p.Second.Main()
	if a == nil || b == nil || p.Over == 0 {
		return -1
	}
	return int(b.Voluntary + b.Forced - a.Voluntary - a.Forced)
}

// Still reports whether the main thread is proven not to have run between the
// looks.
func (p *Pair) Still() bool { return p.Switches() == 0 }

// thread finds the same thread at the first look.
func (p *Pair) thread(tid int) *Thread {
	for i := range p.First.Threads {
		if p.First.Threads[i].TID == tid {
			return &p.First.Threads[i]
		}
	}
	return nil
}

// threadStill reports whether a thread of the second look has been in this
// very wait since the first.
func (p *Pair) threadStill(t *Thread) bool {
	was := p.thread(t.TID)
	return p.Over > 0 && was != nil && was.Family == t.Family && was.Syscall == t.Syscall && was.FD == t.FD &&
		was.Voluntary == t.Voluntary && was.Forced == t.Forced
}

// asleep reports whether no thread ran between the looks: then nothing was read.
func (p *Pair) asleep() bool {
	for i := range p.Second.Threads {
		if !p.threadStill(&p.Second.Threads[i]) {
			return false
		}
	}
	return len(p.Second.Threads) > 0
}

// socket finds the same socket at the first look.
func (p *Pair) socket(s *Socket) *Socket {
	for i := range p.First.Sockets {
		was := &p.First.Sockets[i]
		if was.FD == s.FD && was.Inode == s.Inode {
			return was
		}
	}
	return nil
}

// armed reports whether the epoll interest set of a reading waits for events
// (EPOLLIN or EPOLLOUT) on fd.
func (r *Reading) armed(fd int, events uint32) bool {
	for _, item := range r.Epoll {
		if item.FD == fd && item.Events&events != 0 {
			return true
		}
	}
	return false
}

// watches reports whether fd is in an epoll interest set, waited for or not.
func (r *Reading) watches(fd int) bool {
	for _, item := range r.Epoll {
		if item.FD == fd {
			return true
		}
	}
	return false
}

// loops reports whether some thread waits in epoll: an event loop that would
// wake for whatever is armed.
func (r *Reading) loops() bool {
	for i := range r.Threads {
		if r.Threads[i].Family == "epoll" {
			return true
		}
	}
	return false
}
