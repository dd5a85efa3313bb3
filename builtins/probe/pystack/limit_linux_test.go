package pystack

import (
	"strings"
	"testing"
)

func TestWhereACallHasItsLimit(t *testing.T) {
	const at = 0x7f00
	for _, c := range []struct {
		name, call string
		args       [6]uint64
		want       limitAt
	}{
		{"time.sleep from Python 3.11 on", "clock_nanosleep", [6]uint64{1, 1, at}, limitAt{clock: monotone, at: at, unit: 1e-9}},
		{"by the clock on the wall", "clock_nanosleep", [6]uint64{0, 1, at}, limitAt{clock: realtime, at: at, unit: 1e-9}},
		{"by a clock that we do not read", "clock_nanosleep", [6]uint64{7, 1, at}, limitAt{}},
		{"a span", "clock_nanosleep", [6]uint64{1, 0, at}, limitAt{clock: span, at: at, unit: 1e-9}},
		{"time.sleep before that", "select", [6]uint64{0, 0, 0, 0, at}, limitAt{clock: span, at: at, unit: 1e-6}},
		{"select without end", "select", [6]uint64{1, at}, limitAt{}},
		{"a lock with a timeout", "futex", [6]uint64{1, 0x189, 0, at}, limitAt{clock: realtime, at: at, unit: 1e-9}},
		{"by the other clock", "futex", [6]uint64{1, 0x89, 0, at}, limitAt{clock: monotone, at: at, unit: 1e-9}},
		{"a lock without", "futex", [6]uint64{1, 0x189}, limitAt{}},
		{"FUTEX_WAIT", "futex", [6]uint64{1, 0x80, 0, at}, limitAt{clock: span, at: at, unit: 1e-9}},
		{"FUTEX_LOCK_PI, which has another way to count", "futex", [6]uint64{1, 0x86, 0, at}, limitAt{}},
		{"poll", "poll", [6]uint64{at, 1, 2500}, limitAt{clock: span, span: 2.5}},
		{"poll without end", "poll", [6]uint64{at, 1, 0xffffffff}, limitAt{}},
		{"recvfrom", "recvfrom", [6]uint64{3, at}, limitAt{}},
	} {
		if got := limitOf(c.call, c.args); got != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
}

func TestACallThatComesBackByItselfSaysWhen(t *testing.T) {
	t.Parallel()
	pid := startPython(t, strings.Join([]string{
		"import threading, time",
		"def spawn(f, name): threading.Thread(target=f, name=name, daemon=True).start()",
		"lock = threading.Lock(); lock.acquire()",
		"spawn(lambda: lock.acquire(timeout=500), 'timed')",
		"spawn(lock.acquire, 'for ever')",
		"time.sleep(.2)",
		"print('ready')",
		"time.sleep(1000)",
	}, "\n"))
	want := map[string][2]float64{"MainThread": {970, 1000}, "timed": {470, 500}, "for ever": {}}
	for _, th := range read(t, pid, Options{}).Threads {
		least, most := want[th.Name][0], want[th.Name][1]
		switch {
		case most == 0 && th.Limit != nil:
			t.Errorf("%s comes back within %+v, and has no limit", th.Name, *th.Limit)
		case most == 0:
		case th.Limit == nil || th.Limit.Within < least || th.Limit.Within > most || th.Limit.After > th.Limit.Within:
			t.Errorf("%s: %+v, want a limit between %v and %v s", th.Name, th.Limit, least, most)
		}
		delete(want, th.Name)
	}
	if len(want) > 0 {
		t.Errorf("not seen: %v", want)
	}
}
