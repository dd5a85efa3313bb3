package probe_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"runbook/builtins/probe"
	"runbook/builtins/probe/probetest"
)

// A look says of each process what it gave, and what it would not give.
func TestLook(t *testing.T) {
	for _, test := range []struct {
		name, world string
		want        string // of each process: what there is, and what could not be read
	}{
		{"everything", `
			100 1 S "python3 app.py"
			100:3 epoll 8=40000019
			100:8 tcp ESTAB 127.0.0.1:5000 127.0.0.1:6000`,
			`100: threads=1 signals fds=2 sockets=1 epoll=1`},
		{"a process that holds nothing open: looked, and found none", `
			100 1 S "python3 app.py"`,
			`100: threads=1 signals fds=0 sockets=0 epoll=0`},
		{"descriptors are private, and what is found through them with them", `
			100 1 S "python3 app.py"
			100:8 tcp ESTAB 127.0.0.1:5000 127.0.0.1:6000
			denied 100/fd`,
			`100: threads=1 signals; fds denied`},
		{"sockets are private", `
			100 1 S "python3 app.py"
			100:3 epoll 8=40000019
			100:8 tcp ESTAB 127.0.0.1:5000 127.0.0.1:6000
			denied sockets/100`,
			`100: threads=1 signals fds=2 epoll=1; ss denied`},
		{"the epoll set is private", `
			100 1 S "python3 app.py"
			100:3 epoll
			denied 100/fdinfo/3`,
			`100: threads=1 signals fds=1 sockets=0; epoll denied`},
		{"threads do not answer: the rest is still worth having", `
			100 1 S "python3 app.py"
			timeout 100/task`,
			`100: signals fds=0 sockets=0 epoll=0; threads timeout`},
		{"the system call is private, and what the thread waits for is known all the same", `
			100 1 S "python3 app.py" syscall=denied wchan=futex_do_wait`,
			`100: threads=1 signals fds=0 sockets=0 epoll=0; syscall denied`},
		{"behind a zombie lies nothing but its exit status", `
			100 1 S "python3 app.py"
			101 100 Z "" comm=python3`,
			`100: threads=1 signals fds=0 sockets=0 epoll=0
			 101: zombie`},
		{"pipes are asked for when a thread blocks in one: that one, and standard output", `
			100 1 S "python3 app.py" syscall=read:5
			100:1 pipe 70 w fill=100/65536
			100:5 pipe 77 r
			100:6 pipe 78 r`,
			`100: threads=1 signals fds=3 sockets=0 epoll=0 pipes=[1 5]`},
		{"an idle actor has pipes, and nobody asks how full they are", `
			100 1 S "python3 app.py"
			100:1 pipe 70 w fill=65536/65536`,
			`100: threads=1 signals fds=1 sockets=0 epoll=0`},
		{"a pipe that may not be asked", `
			100 1 S "python3 app.py" syscall=read:5
			100:5 pipe 77 r
			denied pipe/100/5`,
			`100: threads=1 signals fds=1 sockets=0 epoll=0; pipes denied`},
	} {
		t.Run(test.name, func(t *testing.T) {
			readings, ledger := look(t, probetest.World(t, test.world), test.world)
			var got strings.Builder
			for _, r := range readings {
				fmt.Fprintf(&got, "%d: %s%s\n", r.Process.PID, has(r), unread(ledger, r.Process.PID))
			}
			want := strings.ReplaceAll(test.want, "\t", "")
			want = strings.ReplaceAll(want, "\n ", "\n") + "\n"
			if d := cmp.Diff(want, got.String()); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

func TestLookJoinsSocketsOfAllThatWereLookedAt(t *testing.T) {
	const world = parentAndChild + `
		101:9 tcp ESTAB 127.0.0.1:6001 10.0.0.1:443`
	readings, _ := look(t, probetest.World(t, world), world)
	var got []string
	for _, r := range readings {
		for _, s := range r.Sockets {
			got = append(got, fmt.Sprintf("%d:%d %d:%d", s.PID, s.FD, s.PeerPID, s.PeerFD))
		}
	}
	if want := []string{"100:8 101:8", "101:8 100:8", "101:9 0:-1"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// What was found a moment ago may have ended since, and its number may be
// another process.
func TestLookKnowsWhoIsGone(t *testing.T) {
	h := probetest.World(t, `100 1 S "python3 app.py" age=2m`)
	is := probe.ID{PID: 100, Start: started(t, h, 100)}
	for _, test := range []struct {
		name string
		id   probe.ID
		gone bool
	}{
		{"it is there", is, false},
		{"no such pid", probe.ID{PID: 101, Start: is.Start}, true},
		{"the pid is another process", probe.ID{PID: 100, Start: is.Start - 1}, true},
	} {
		readings, err := probe.Look(context.Background(), h, []probe.Process{{ID: test.id}})
		if err != nil {
			t.Fatal(err)
		}
		r := readings[0]
		if r.Gone != test.gone || r.Process.ID != test.id || r.HasThreads == test.gone {
			t.Errorf("%s: gone %v, id %v, threads %v", test.name, r.Gone, r.Process.ID, r.HasThreads)
		}
	}
}

// That a process would not answer is no proof that it has ended.
func TestLookTellsStuckFromGone(t *testing.T) {
	h := probetest.World(t, "100 1 S \"python3 app.py\"\ntimeout 100/stat")
	readings, err := probe.Look(context.Background(), h, []probe.Process{{ID: probe.ID{PID: 100, Start: 1}}})
	if err != nil {
		t.Fatal(err)
	}
	if readings[0].Gone {
		t.Error("called gone")
	}
}

func TestLookEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	h := probetest.World(t, `100 1 S "python3 app.py"`)
	if _, err := probe.Look(ctx, h, []probe.Process{{ID: probe.ID{PID: 100}}}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func look(t *testing.T, h probe.Host, world string) ([]probe.Reading, []probe.Coverage) {
	t.Helper()
	var ledger probe.Ledger
	procs, err := probe.PS(context.Background(), h, probe.PSQuery{All: true})
	if err != nil {
		t.Fatalf("%s\n%v", world, err)
	}
	readings, err := probe.Look(probe.WithLedger(context.Background(), &ledger), h, procs)
	if err != nil {
		t.Fatalf("%s\n%v", world, err)
	}
	return readings, ledger.Rows()
}

// has says what a reading holds: a name alone, or with how many.
func has(r probe.Reading) string {
	if r.Process.Zombie() {
		return "zombie"
	}
	var words []string
	for _, part := range []struct {
		name string
		has  bool
		n    int
	}{
		{"threads", r.HasThreads, len(r.Threads)}, {"signals", r.HasSignals, -1}, {"fds", r.HasFDs, len(r.FDs)},
		{"sockets", r.HasSockets, len(r.Sockets)}, {"epoll", r.HasEpoll, len(r.Epoll)},
	} {
		switch {
		case part.has && part.n >= 0:
			words = append(words, fmt.Sprintf("%s=%d", part.name, part.n))
		case part.has:
			words = append(words, part.name)
		case part.n > 0:
			words = append(words, part.name+" although not read")
		}
	}
	if len(r.Pipes) > 0 {
		var fds []int
		for fd := range r.Pipes {
			fds = append(fds, fd)
		}
		slices.Sort(fds)
		words = append(words, fmt.Sprintf("pipes=%v", fds))
	}
	return strings.Join(words, " ")
}

// unread says what the ledger holds of a process, but for what was read.
func unread(ledger []probe.Coverage, pid int) string {
	said := ""
	for _, c := range ledger {
		if c.PID == pid && c.Status != "read" {
			said += "; " + c.Probe + " " + c.Status
		}
	}
	return said
}

func started(t *testing.T, h probe.Host, pid int) uint64 {
	t.Helper()
	p, err := probe.ReadProcess(context.Background(), h, pid)
	if err != nil {
		t.Fatal(err)
	}
	return p.Start
}
