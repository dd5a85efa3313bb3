package probe

import (
	"context"
	"runtime"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// sweep reads many files of many processes: each by one of a few goroutines,
// while a watchdog leaves behind one that has not moved for the host's
// deadline, and starts another. So a file costs no more than its system calls,
// and a stuck process half a second.
func (l *Live) sweep(ctx context.Context, n int, name func(int) string, visit func(int, []byte, error)) error {
	s := &sweep{live: l, n: int64(n), name: name, visit: visit, done: make(chan struct{})}
	if n == 0 {
		return ctx.Err()
	}
	workers := 1
	if n >= 64 {
		workers = min(4, runtime.GOMAXPROCS(0))
	}
	for range workers {
		s.start()
	}
	tick := time.NewTicker(max(l.deadline/4, time.Millisecond))
	defer tick.Stop()
	for {
		select {
		case <-s.done:
			return ctx.Err()
		case <-ctx.Done():
			s.stop()
			return ctx.Err()
		case <-tick.C:
			s.watch()
		}
	}
}

type sweep struct {
	live     *Live
	n        int64
	name     func(int) string
	visit    func(int, []byte, error)
	next     atomic.Int64
	visited  atomic.Int64
	halt     atomic.Bool
	done     chan struct{} // closed when all n were visited
	sweepers []*sweeper
}

// sweeper is one goroutine of a sweep. at is the index that it reads, or one
// of the states below. Who takes it out of reading, by compare and swap, is who
// visits: the goroutine itself, or the watchdog.
type sweeper struct {
	at       atomic.Int64
	tid      atomic.Int64
	finished chan struct{}
	seen     int64 // by the watchdog
	ticks    int
}

const (
	sweeping  = -1 // not in a read
	abandoned = -2 // left behind in one; must touch nothing of the sweep
)

func (s *sweep) start() {
	w := &sweeper{finished: make(chan struct{}), seen: sweeping}
	w.at.Store(sweeping)
	s.sweepers = append(s.sweepers, w)
	go func() {
		defer close(w.finished)
		runtime.LockOSThread() // so that the watchdog can see what it does
		defer runtime.UnlockOSThread()
		w.tid.Store(int64(unix.Gettid()))
		buf := make([]byte, 16<<10)
		for !s.halt.Load() {
			i := s.next.Add(1) - 1
			if i >= s.n {
				return
			}
			e := errand{live: s.live, op: opRead, name: s.name(int(i))}
			w.at.Store(i)
			a := e.do(buf)
			if cap(a.data) > cap(buf) {
				buf = a.data
			}
			if !w.at.CompareAndSwap(i, sweeping) {
				return
			}
			if a.err != nil {
				a.err = s.live.explain(e, a.err)
			}
			s.report(int(i), a.data, a.err)
		}
	}()
}

func (s *sweep) report(i int, b []byte, err error) {
	s.visit(i, b, err)
	if s.visited.Add(1) == s.n {
		close(s.done)
	}
}

// watch leaves behind the sweepers that have been in one read for four ticks,
// unless they compute.
func (s *sweep) watch() {
	for _, w := range s.sweepers {
		at := w.at.Load()
		if at < 0 || at != w.seen {
			w.seen, w.ticks = at, 0
			continue
		}
		w.ticks++
		if w.ticks < 4 || w.ticks < 4*maxPatience && computes(int(w.tid.Load())) || !w.at.CompareAndSwap(at, abandoned) {
			continue
		}
		e := errand{op: opRead, name: s.name(int(at))}
		s.start()
		s.report(int(at), nil, s.live.explain(e, ErrTimeout))
	}
}

// stop returns when no goroutine will visit any more.
func (s *sweep) stop() {
	s.halt.Store(true)
	for _, w := range s.sweepers {
		at := w.at.Load()
		if at == abandoned || at >= 0 && w.at.CompareAndSwap(at, abandoned) {
			continue
		}
		<-w.finished
	}
}
