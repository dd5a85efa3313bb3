package pystack

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"strings"
	"time"

	"runbook/builtins/probe"
)

// Limit is when a call in which a thread waits comes back by itself: so many
// seconds after the reading at the latest, and at the earliest.
//
// The kernel shows where the call has its limit; what it is lies in the memory of
// the process. Of a moment both are the same. Of a span it is not known when it
// began: not before the thread did.
type Limit struct {
	Within float64 `json:"within_s"`
	After  float64 `json:"after_s"`
}

// limits finds when each thread comes back that waits with a limit, in a call of
// the program's own. An event loop's own wait is left out: it costs a read a
// thread, and epoll is told its limit as a number, which the kernel shows.
func (l *look) limits(ctx context.Context, p *Process, sameTime bool) {
	for i := range p.Threads {
		t := &p.Threads[i]
		if t.TID == 0 || len(t.Frames) == 0 || isLoopsOwn(t.Frames[0].File) {
			continue
		}
		if call, err := l.timed(ctx, t.TID, sameTime); err == nil {
			t.Limit = call
		}
	}
}

func isLoopsOwn(file string) bool {
	return strings.HasSuffix(file, "/selectors.py") || strings.Contains(file, "/trio/_core/")
}

// timed reads the limit of the call in which a thread waits; nil where it has
// none that we know. It is read between two looks at the call, which must be one.
func (l *look) timed(ctx context.Context, tid int, sameTime bool) (*Limit, error) {
	path := fmt.Sprintf("%d/task/%d/", l.pid, tid)
	before, err := l.host.ReadFile(ctx, path+"syscall", nil)
	if err != nil {
		return nil, err
	}
	before = append([]byte(nil), before...)
	nr, args, running, err := probe.ParseSyscall(before)
	if err != nil || running || nr < 0 {
		return nil, err
	}
	w := limitOf(probe.SyscallName(l.host.Clock().Arch, nr), args)
	left := w.span
	if w.at != 0 {
		b := make([]byte, 16)
		if n, err := l.memory.ReadMemory(l.thread, []uint64{w.at}, len(b), b); err != nil || n < len(b) {
			return nil, err
		}
		left = float64(int64(binary.NativeEndian.Uint64(b))) + float64(int64(binary.NativeEndian.Uint64(b[8:])))*w.unit
	}
	switch w.clock {
	case none:
		return nil, nil
	case monotone:
		if !sameTime {
			return nil, nil
		}
		left -= monotonic()
	case realtime:
		left -= float64(time.Now().UnixNano()) / 1e9
	}
	after, err := l.host.ReadFile(ctx, path+"syscall", nil)
	if err != nil || string(after) != string(before) || math.IsNaN(left) {
		return nil, err
	}
	limit := &Limit{Within: max(left, 0), After: max(left, 0)}
	if w.clock == span {
		limit.After = max(left-l.age(ctx, path), 0)
	}
	return limit, nil
}

// age is how many seconds a thread has lived, by the file of it at a path; +Inf
// where that is not known.
func (l *look) age(ctx context.Context, path string) float64 {
	b, err := l.host.ReadFile(ctx, path+"stat", nil)
	if err != nil {
		return math.Inf(1)
	}
	s, err := probe.ParseStat(b)
	if err != nil {
		return math.Inf(1)
	}
	return l.host.Now().Sub(l.host.Clock().At(s.Start)).Seconds()
}

// Clocks by which a call counts.
const (
	none = iota
	span // from when it was called
	monotone
	realtime
)

// limitAt says where a call has its limit: at an address, as seconds and a
// fraction of so many seconds, or as a number of seconds.
type limitAt struct {
	clock int
	at    uint64
	unit  float64
	span  float64
}

// limitOf reads the arguments of a call: clock_nanosleep(2), futex(2), select(2),
// poll(2), sigtimedwait(2).
func limitOf(call string, args [6]uint64) limitAt {
	const (
		absolute      = 1   // TIMER_ABSTIME
		futexWait     = 0   // FUTEX_WAIT: a span
		futexWaitBits = 9   // FUTEX_WAIT_BITSET: a moment
		futexRealtime = 256 // FUTEX_CLOCK_REALTIME
		futexCommand  = 127
	)
	in := func(clock int, at uint64, unit float64) limitAt {
		if at == 0 {
			return limitAt{}
		}
		return limitAt{clock: clock, at: at, unit: unit}
	}
	const nano, micro = 1e-9, 1e-6 // struct timespec, struct timeval
	switch call {
	case "clock_nanosleep":
		switch clock := args[0]; {
		case args[1]&absolute == 0:
			return in(span, args[2], nano)
		case clock == 0: // CLOCK_REALTIME
			return in(realtime, args[2], nano)
		case clock == 1: // CLOCK_MONOTONIC
			return in(monotone, args[2], nano)
		}
	case "nanosleep":
		return in(span, args[0], nano)
	case "futex":
		switch op := args[1]; {
		case op&futexCommand == futexWait:
			return in(span, args[3], nano)
		case op&futexCommand == futexWaitBits && op&futexRealtime != 0:
			return in(realtime, args[3], nano)
		case op&futexCommand == futexWaitBits:
			return in(monotone, args[3], nano)
		}
	case "select":
		return in(span, args[4], micro)
	case "pselect6":
		return in(span, args[4], nano)
	case "ppoll", "rt_sigtimedwait":
		return in(span, args[2], nano)
	case "poll":
		if ms := int32(args[2]); ms >= 0 {
			return limitAt{clock: span, span: float64(ms) / 1000}
		}
	}
	return limitAt{}
}
