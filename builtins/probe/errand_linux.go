package probe

import (
	"context"
	"time"
)

// errand is one thing to read; answer is what came of it.
type errand struct {
	live *Live
	op   op
	name string
	buf  []byte // the caller's
}

type answer struct {
	data  []byte
	text  string
	names []string
	err   error
}

type op byte

const (
	opRead op = iota
	opLink
	opDir
)

func (o op) String() string { return [...]string{"read", "readlink", "list"}[o] }

// A runner does errands one after the other, in a buffer of its own: it may be
// left behind in the middle of one, when the caller's buffer is long in use
// for something else.
type runner struct {
	in    chan errand
	out   chan answer
	timer *time.Timer
	buf   []byte
}

// idleRunners serve all hosts: starting a goroutine for each read costs more
// than the read.
var idleRunners = make(chan *runner, 32)

func borrowRunner() *runner {
	select {
	case r := <-idleRunners:
		return r
	default:
	}
	r := &runner{in: make(chan errand), out: make(chan answer, 1), timer: time.NewTimer(time.Hour), buf: make([]byte, 4096)}
	go func() {
		for e := range r.in {
			a := e.do(r.buf)
			if cap(a.data) > cap(r.buf) && cap(a.data) <= 1<<20 {
				r.buf = a.data[:0]
			}
			r.out <- a
		}
	}()
	return r
}

func returnRunner(r *runner) {
	select {
	case idleRunners <- r:
	default:
		close(r.in)
	}
}

// doInTime does an errand through a runner, and gives up at the host's
// deadline. A path that was given up is refused at once until its runner comes
// back: each further try would cost a thread.
func (e errand) doInTime(ctx context.Context) answer {
	l := e.live
	if l.nstuck.Load() > 0 {
		if _, stuck := l.stuck.Load(e.name); stuck {
			return answer{err: ErrTimeout}
		}
	}
	r := borrowRunner()
	r.timer.Reset(l.deadline)
	r.in <- e
	select {
	case a := <-r.out:
		r.timer.Stop()
		if a.data != nil {
			a.data = append(e.buf[:0], a.data...)
		}
		returnRunner(r)
		return a
	case <-r.timer.C:
		l.leaveBehind(e.name, r)
		return answer{err: ErrTimeout}
	case <-ctx.Done():
		r.timer.Stop()
		l.leaveBehind(e.name, r)
		return answer{err: ctx.Err()}
	}
}

func (l *Live) leaveBehind(name string, r *runner) {
	l.stuck.Store(name, struct{}{})
	l.nstuck.Add(1)
	go func() {
		<-r.out
		l.stuck.Delete(name)
		l.nstuck.Add(-1)
		returnRunner(r)
	}()
}
