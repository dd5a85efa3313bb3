package probe

import (
	"context"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// readDeadline is how long one read may take. Healthy ones take microseconds;
// cmdline, environ and maps wait for the memory lock of their process, which a
// thread in state D can hold for ever.
const readDeadline = 500 * time.Millisecond

// readLimit bounds one file. The largest honest one is net/tcp: 9 MB at 60,000
// sockets.
const readLimit = 64 << 20

// LiveOptions says how to look at this machine. The zero value is right for
// nearly everybody.
type LiveOptions struct {
	// Proc is another directory in the shape of /proc ("" = /proc): that of the
	// host inside a container, or a copy. Its pids are not ours, so such a host
	// runs and signals nothing.
	Proc string
	// RefuseAttach makes every read that needs PTRACE_MODE_ATTACH fail with
	// fs.ErrPermission, as Yama and containers do.
	RefuseAttach bool
	// Python answers reads of PID/python and PID/python.loops, which no kernel
	// has: what the interpreter in a process does, and by which libraries it has
	// tasks, see package pystack. nil: such a read fails as that of any file that
	// is not there.
	Python func(ctx context.Context, l *Live, pid int, file string) ([]byte, error)
}

// Live is the machine that we run on.
//
// No read of it hangs: what may block is read by a goroutine that can be left
// behind, and gives ErrTimeout after half a second. No read leaves the proc
// directory: links are followed only inside it.
type Live struct {
	proc         string // root directory, "/proc"
	self         bool   // proc is our own /proc: its pids are ours
	refuseAttach bool
	python       func(ctx context.Context, l *Live, pid int, file string) ([]byte, error)

	root     procRoot
	clock    Clock
	deadline time.Duration
	before   func(name string) // a test's way to hold up a read; nil

	stuck  sync.Map // path → struct{}: reads that were left behind and have not come back
	nstuck atomic.Int32
}

// NewLive opens this machine. Elsewhere than on Linux the error is
// ErrUnsupported; where /proc was mounted for another pid namespace than ours,
// and no Proc says that this is meant, ErrOtherPIDs.
func NewLive(opt LiveOptions) (*Live, error) {
	l := &Live{proc: opt.Proc, self: opt.Proc == "", refuseAttach: opt.RefuseAttach, python: opt.Python, deadline: readDeadline}
	if l.self {
		l.proc = "/proc"
	}
	if err := l.open(); err != nil {
		return nil, fmt.Errorf("open %s: %w", l.proc, err)
	}
	return l, nil
}

// Now is the time of day.
func (l *Live) Now() time.Time { return time.Now() }

// Clock converts ticks of this kernel.
func (l *Live) Clock() Clock { return l.clock }

// Sleep waits, and returns how long it really took: a loaded machine oversleeps.
func (l *Live) Sleep(ctx context.Context, d time.Duration) (time.Duration, error) {
	if d <= 0 {
		return 0, ctx.Err()
	}
	began := time.Now()
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return time.Since(began), nil
	case <-ctx.Done():
		return time.Since(began), ctx.Err()
	}
}

func hostname() string {
	name, err := os.Hostname()
	if err != nil {
		return ""
	}
	return Clean([]byte(name))
}
