package probe

import (
	"context"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
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
	tid   atomic.Int64 // the thread that does the errand
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
			r.tid.Store(int64(unix.Gettid()))
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
	for patience := maxPatience; ; patience-- {
		select {
		case a := <-r.out:
			r.timer.Stop()
			if a.data != nil {
				a.data = append(e.buf[:0], a.data...)
			}
			returnRunner(r)
			return a
		case <-r.timer.C:
			if patience > 0 && computes(int(r.tid.Load())) {
				r.timer.Reset(l.deadline)
				continue
			}
			l.leaveBehind(e.name, r)
			return answer{err: ErrTimeout}
		case <-ctx.Done():
			r.timer.Stop()
			l.leaveBehind(e.name, r)
			return answer{err: ctx.Err()}
		}
	}
}

// maxPatience is how many deadlines a read may take that computes.
const maxPatience = 20

// computes reports whether a thread of ours runs or wants to: then its read
// isn't stuck, but long (net/tcp of a busy machine), or waits for a processor
// as all of us do.
func computes(tid int) bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/self/task/%d/stat", tid))
	if err != nil {
		return false
	}
	st, err := ParseStat(b)
	return err == nil && st.State == "R"
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
