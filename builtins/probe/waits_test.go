package probe_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"runbook/builtins/probe"
	"runbook/builtins/probe/probetest"
)

// story is a small world, and the edges that lie in it: one a line, as
//
//	WAITER → HOLDER kind fd=8 bytes=10 certain unchanged armed beside
//
// fd and bytes where there are any; certain, unchanged and armed where the edge
// says so; beside when it is no main thread that waits.
type story struct {
	name  string
	world string
	want  string
}

func TestWaitsOnSockets(t *testing.T) {
	tell(t, []story{
		{"bytes lie unread, and nobody waits to read them", parentAndChild + `
			101:3 epoll 8=40000000
			101:8 tcp ESTAB 127.0.0.1:6000 127.0.0.1:5000 rq=45815
			---`,
			`100 → 101 unread fd=8 bytes=45815 unchanged`},
		{"the loop is about to read them", parentAndChild + `
			101:3 epoll 8=40000019
			101:8 tcp ESTAB 127.0.0.1:6000 127.0.0.1:5000 rq=100
			---
			101 switches=2/0`,
			`100 → 101 unread fd=8 bytes=100 unchanged armed`},
		{"armed, and the loop never turned: edge-triggered, and its one wake-up is spent", parentAndChild + `
			101:3 epoll 8=80000019
			101:8 tcp ESTAB 127.0.0.1:6000 127.0.0.1:5000 rq=100
			---`,
			`100 → 101 unread fd=8 bytes=100 unchanged`},
		{"armed, but the main thread is not in its loop", parentAndChild + `
			101 wchan=futex_do_wait
			101:3 epoll 8=40000019
			101:8 tcp ESTAB 127.0.0.1:6000 127.0.0.1:5000 rq=100
			---`,
			`100 → 101 unread fd=8 bytes=100 unchanged`},
		{"seen once, nothing is unchanged", parentAndChild + `
			101:3 epoll 8=40000000
			101:8 tcp ESTAB 127.0.0.1:6000 127.0.0.1:5000 rq=45815`,
			`100 → 101 unread fd=8 bytes=45815`},
		{"as many bytes as before, but other ones: the kernel counted what arrived", parentAndChild + `
			101:3 epoll 8=40000000
			101:8 tcp ESTAB 127.0.0.1:6000 127.0.0.1:5000 rq=500 received=1000
			---
			101:8 tcp ESTAB 127.0.0.1:6000 127.0.0.1:5000 rq=500 received=2000`,
			`100 → 101 unread fd=8 bytes=500`},
		{"more bytes than before, and not one was read", parentAndChild + `
			101:3 epoll 8=40000000
			101:8 tcp ESTAB 127.0.0.1:6000 127.0.0.1:5000 rq=500 received=1000
			---
			101:8 tcp ESTAB 127.0.0.1:6000 127.0.0.1:5000 rq=700 received=1200`,
			`100 → 101 unread fd=8 bytes=700 unchanged`},
		{"a unix queue that grew: who knows what was read", unixPair + `
			101:8 unix ESTAB @a1 remote=/run/root.sock peer=100:8 rq=500
			---
			101 switches=3/0
			101:8 unix ESTAB @a1 remote=/run/root.sock peer=100:8 rq=700`,
			`100 → 101 unread fd=8 bytes=700`},
		{"a unix queue that grew while nobody ran who could have read", unixPair + `
			101:8 unix ESTAB @a1 remote=/run/root.sock peer=100:8 rq=500
			---
			101:8 unix ESTAB @a1 remote=/run/root.sock peer=100:8 rq=700`,
			`100 → 101 unread fd=8 bytes=700 unchanged`},
		{"a unix queue that is the same", unixPair + `
			101:8 unix ESTAB @a1 remote=/run/root.sock peer=100:8 rq=500
			---`,
			`100 → 101 unread fd=8 bytes=500 unchanged`},
		{"another connection under the same number is another one", parentAndChild + `
			101:3 epoll 8=40000000
			101:8 tcp ESTAB 127.0.0.1:6000 127.0.0.1:5000 rq=500 ino=1
			---
			101:8 tcp ESTAB 127.0.0.1:6000 127.0.0.1:5000 rq=500 ino=2`,
			`100 → 101 unread fd=8 bytes=500`},
		{"a queue that nobody could read is no edge", parentAndChild + `
			101:8 tcp ESTAB 127.0.0.1:6000 127.0.0.1:5000 rq=unknown
			---`,
			``},
		{"the FIN of a closed peer is no byte", parentAndChild + `
			101:3 epoll 8=40000000
			101:8 tcp CLOSE-WAIT 127.0.0.1:6000 127.0.0.1:5000 rq=0
			---`,
			``},
		{"bytes of a peer that we do not know hold nobody up", parentAndChild + `
			101:8 tcp ESTAB 127.0.0.1:6000 10.0.0.1:443 rq=500
			---`,
			``},
		{"a pair of which both ends are its own", `
			100 1 S "python3 app.py"
			100:3 epoll 5=40000000
			100:4 unix ESTAB peer=100:5 sq=9
			100:5 unix ESTAB peer=100:4 rq=9
			---`,
			``},
		{"a task waits until its peer takes what it sent", parentAndChild + `
			100:3 epoll 8=4000001d
			100:8 tcp ESTAB 127.0.0.1:5000 127.0.0.1:6000 sq=50688
			101:3 epoll 8=40000000
			101:8 tcp ESTAB 127.0.0.1:6000 127.0.0.1:5000 rq=110000
			---`,
			`100 → 101 send fd=8 bytes=50688 certain unchanged
			 100 → 101 unread fd=8 bytes=110000 unchanged`},
		{"bytes not yet taken, but no task waits for that", parentAndChild + `
			100:3 epoll 8=40000019
			100:8 tcp ESTAB 127.0.0.1:5000 127.0.0.1:6000 sq=50688
			---`,
			``},
		{"the rest was taken meanwhile", parentAndChild + `
			100:3 epoll 8=4000001d
			100:8 tcp ESTAB 127.0.0.1:5000 127.0.0.1:6000 sq=50688
			---
			100:8 tcp ESTAB 127.0.0.1:5000 127.0.0.1:6000 sq=100`,
			`100 → 101 send fd=8 bytes=100 certain`},
		{"as much not taken as before, but other bytes: the task was gone between", parentAndChild + `
			100:3 epoll 8=40000019
			100:8 tcp ESTAB 127.0.0.1:5000 127.0.0.1:6000 sq=50688
			---
			100:3 epoll 8=4000001d`,
			`100 → 101 send fd=8 bytes=50688 certain`},
		{"somebody outside takes nothing", `
			100 1 S "python3 app.py"
			100:3 epoll 8=4000001d
			100:8 tcp ESTAB 10.0.0.2:6000 10.0.0.1:443 sq=9000
			---`,
			`100 → 10.0.0.1:443 send fd=8 bytes=9000 certain unchanged`},
		{"two dialled, and nobody accepts", `
			100 1   S "python3 app.py"
			101 100 S "_subactor[a@101]"
			102 100 S "_subactor[b@102]"
			100:9 tcp LISTEN 127.0.0.1:5000 acceptq=2 backlog=128
			101:8 tcp ESTAB 127.0.0.1:6001 127.0.0.1:5000
			102:8 tcp ESTAB 127.0.0.1:6002 127.0.0.1:5000
			---`,
			`101 → 100 accept fd=9 unchanged
			 102 → 100 accept fd=9 unchanged`},
		{"the listener's loop waits to accept", `
			100 1   S "python3 app.py"
			101 100 S "_subactor[a@101]"
			100:3 epoll 9=40000019
			100:9 tcp LISTEN 127.0.0.1:5000 acceptq=1 backlog=128
			101:8 tcp ESTAB 127.0.0.1:6001 127.0.0.1:5000
			---
			100 switches=5/0`,
			`101 → 100 accept fd=9 unchanged armed`},
	})
}

// parentAndChild have one TCP connection, fd 8 of both. Later lines overwrite.
const parentAndChild = `
	100 1   S "python3 app.py"
	101 100 S "_subactor[beta@101]"
	100:8 tcp ESTAB 127.0.0.1:5000 127.0.0.1:6000
	101:8 tcp ESTAB 127.0.0.1:6000 127.0.0.1:5000`

const unixPair = `
	100 1   S "python3 app.py"
	101 100 S "_subactor[beta@101]"
	101:3 epoll 8=40000000
	101:8 unix ESTAB @a1
	100:8 unix ESTAB /run/root.sock remote=@a1 peer=101:8`

func tell(t *testing.T, stories []story) {
	for _, s := range stories {
		t.Run(s.name, func(t *testing.T) {
			var got []string
			for _, e := range probe.Waits(twoLooks(t, s.world)) {
				got = append(got, line(e))
			}
			var want []string
			for l := range strings.Lines(s.want) {
				want = append(want, strings.TrimSpace(l))
			}
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("%s\n(-want +got):\n%s", s.world, d)
			}
		})
	}
}

// lastSaid leaves out, of a first look, what a later line says anew of a
// descriptor: a story begins with what most have.
func lastSaid(world string) string {
	first, later, more := strings.Cut(world, "---")
	lines := strings.Split(first, "\n")
	last := map[string]int{}
	about := func(l string) string { word, _, _ := strings.Cut(strings.TrimSpace(l), " "); return word }
	for i, l := range lines {
		last[about(l)] = i
	}
	var kept []string
	for i, l := range lines {
		if last[about(l)] == i || !strings.Contains(about(l), ":") {
			kept = append(kept, l)
		}
	}
	world = strings.Join(kept, "\n")
	if more {
		world += "---" + later
	}
	return world
}

// twoLooks samples every process of a world: twice when it has two samples.
func twoLooks(t *testing.T, world string) *probe.Sample {
	t.Helper()
	h := probetest.World(t, lastSaid(world))
	procs, err := probe.PS(context.Background(), h, probe.PSQuery{All: true})
	if err != nil {
		t.Fatal(err)
	}
	over := time.Duration(0)
	if strings.Contains(world, "---") {
		over = time.Second
	}
	s, err := probe.TakeSample(context.Background(), h, procs, over)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func line(e probe.Edge) string {
	l := fmt.Sprintf("%d → ", e.Waiter.PID)
	if e.Holder != (probe.ID{}) {
		l += fmt.Sprint(e.Holder.PID)
	} else {
		l += e.HolderText
	}
	l += " " + e.Kind
	if e.FD >= 0 {
		l += fmt.Sprintf(" fd=%d", e.FD)
	}
	if e.Bytes >= 0 {
		l += fmt.Sprintf(" bytes=%d", e.Bytes)
	}
	for _, flag := range []struct {
		word string
		is   bool
	}{{"certain", e.Certain}, {"unchanged", e.Unchanged}, {"armed", e.HolderArmed}, {"beside", !e.Loop}} {
		if flag.is {
			l += " " + flag.word
		}
	}
	return l
}

func TestWaitsOnSharedSockets(t *testing.T) {
	const forked = `
		100 1   S "python3 app.py"      age=3m
		101 100 S "_subactor[beta@101]" age=2m
		102 101 S "_subactor[beta@101]" age=1m wchan=futex_do_wait
		100:8 tcp ESTAB 127.0.0.1:5000 127.0.0.1:6000
		101:8 tcp ESTAB 127.0.0.1:6000 127.0.0.1:5000 rq=500 ino=7
		102:8 tcp ESTAB 127.0.0.1:6000 127.0.0.1:5000 rq=500 ino=7`
	tell(t, []story{
		{"a forked child holds its parent's connection and its epoll set, and is nobody's reader", forked + `
			101:3 epoll 8=40000000
			102:3 epoll 8=40000000
			---`,
			`100 → 101 unread fd=8 bytes=500 unchanged`},
		{"so is what it forked in turn", forked + `
			103 102 S "_subactor[beta@101]"
			103:8 tcp ESTAB 127.0.0.1:6000 127.0.0.1:5000 rq=500 ino=7
			101:3 epoll 8=40000000
			---`,
			`100 → 101 unread fd=8 bytes=500 unchanged`},
		{"its parent may not be looked into: the elder is taken for the reader", forked + `
			101:3 epoll
			denied 101/fdinfo/3
			---`,
			`100 → 101 unread fd=8 bytes=500 unchanged`},
		{"no loop watches it, as of a server that forks for each connection: either may read", forked + `
			---`,
			`100 → 101 unread fd=8 bytes=500 unchanged
			 100 → 102 unread fd=8 bytes=500 unchanged`},
		{"the connections that wait are not accepted by whom its parent forked", `
			100 1   S "python3 app.py"
			101 100 S "python3 app.py"
			102 100 S "_subactor[a@102]"
			100:3 epoll 9=40000000
			100:9 tcp LISTEN 127.0.0.1:5000 acceptq=1 ino=7
			101:9 tcp LISTEN 127.0.0.1:5000 acceptq=1 ino=7
			102:8 tcp ESTAB 127.0.0.1:6001 127.0.0.1:5000
			---`,
			`102 → 100 accept fd=9 unchanged`},
	})
}
