package probe_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"runbook/builtins/probe"
	"runbook/builtins/probe/probetest"
)

// scripted is a world which goes to its next sample at each signal.
type scripted struct {
	*probe.Snapshot
	sent *[]string
}

func (s scripted) Act() probe.Actor { return s }

func (s scripted) Run(context.Context, probe.Command) (probe.Result, error) {
	return probe.Result{}, probe.ErrUnsupported
}

func (s scripted) Signal(ctx context.Context, id probe.ID, sig int) error {
	*s.sent = append(*s.sent, fmt.Sprintf("%d to %d", sig, id.PID))
	_, err := s.Sleep(ctx, 0)
	return err
}

func (s scripted) Wait(context.Context, probe.ID) error { return nil }

// killIn plays Kill on a world and returns what was sent and what came of it,
// one line for each process.
func killIn(t *testing.T, world string, r probe.KillRequest, pids ...int) (sent, became []string) {
	t.Helper()
	h := scripted{probetest.World(t, world), &sent}
	for _, pid := range pids {
		p, err := probe.ReadProcess(context.Background(), h, pid)
		if err != nil {
			t.Fatal(err)
		}
		r.Targets = append(r.Targets, p)
	}
	r.Grace = time.Millisecond
	report, err := probe.Kill(context.Background(), h, r)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range report.Ended {
		became = append(became, fmt.Sprintf("%d ended: %s", e.PID, e.Rung))
	}
	for _, s := range report.Survived {
		became = append(became, fmt.Sprintf("%d survived: %s", s.PID, s.Why))
	}
	for _, r := range report.Refused {
		became = append(became, fmt.Sprintf("%d refused: %s", r.PID, r.Why))
	}
	return sent, became
}

func TestKillOfAWorld(t *testing.T) {
	for name, c := range map[string]struct {
		world  string
		pids   []int
		req    probe.KillRequest
		sent   string
		became []string
	}{
		"children follow their root": {
			world: `
				100 1   S "python3 app.py"
				101 100 S "_subactor[beta@101]"
				---
				gone 100 101`,
			pids: []int{101, 100},
			sent: "2 to 100", became: []string{"100 ended: SIGINT", "101 ended: SIGINT"},
		},
		"a child of another uid is spared": {
			world: `
				100 1   S "python3 app.py"
				101 100 S "sudo x" uid=0
				---
				gone 100`,
			pids: []int{100, 101},
			sent: "2 to 100", became: []string{"100 ended: SIGINT", "101 refused: belongs to uid 0, and its tree to uid 1000"},
		},
		"a child that nobody named, of another uid": {
			world: `
				100 1   S "python3 app.py"
				101 100 S "sudo x" uid=0
				---
				gone 100`,
			pids: []int{100},
			sent: "2 to 100", became: []string{"100 ended: SIGINT", "101 refused: belongs to uid 0, and its tree to uid 1000"},
		},
		"nobody disturbs a person at a prompt": {
			world: `
				100 1   S "python3 app.py"
				101 100 S "_subactor[beta@101]"
				200 1   S "python3 other.py"
				---
				gone 200`,
			pids: []int{100, 101, 200},
			req:  probe.KillRequest{Paused: map[probe.ID]bool{{PID: 101, Start: start(t, "1m")}: true}},
			sent: "2 to 200", became: []string{
				"200 ended: SIGINT",
				"100 refused: beta (pid 101) is paused at a debugger prompt, where a person may sit",
				"101 refused: beta (pid 101) is paused at a debugger prompt, where a person may sit",
			},
		},
		"unless told to": {
			world: `
				101 1 S "_subactor[beta@101]"
				---
				gone 101`,
			pids: []int{101},
			req:  probe.KillRequest{Force: true, Paused: map[probe.ID]bool{{PID: 101, Start: start(t, "1m")}: true}},
			sent: "2 to 101", became: []string{"101 ended: SIGINT"},
		},
		"a kernel thread": {
			world: `100 2 I "" comm=kworker`,
			pids:  []int{100}, became: []string{"100 refused: a thread of the kernel"},
		},
		"init": {
			world: `1 0 S "init"`,
			pids:  []int{1}, became: []string{"1 refused: init"},
		},
		"what the disk holds outlives SIGKILL": {
			world: `100 1 D "dd" wchan=folio_wait_bit ignored=2,15`,
			pids:  []int{100},
			sent:  "9 to 100", became: []string{
				"100 survived: in a wait that nothing interrupts (D): SIGKILL takes effect when that is over, in folio_wait_bit"},
		},
		"a stopped one is continued, so that it can act": {
			world: `
				100 1 T "python3 app.py"
				---
				---
				gone 100`,
			pids: []int{100},
			sent: "2 to 100, 18 to 100", became: []string{"100 ended: SIGINT"},
		},
		"a signal handler that is blocked does not count": {
			world: `
				100 1 S "python3 app.py" blocked=2
				---
				gone 100`,
			pids: []int{100},
			sent: "15 to 100", became: []string{"100 ended: SIGTERM"},
		},
		"one that does not catch SIGINT would die as of SIGTERM": {
			world: `
				100 1 S "sleep 1000"
				---
				gone 100`,
			pids: []int{100},
			sent: "15 to 100", became: []string{"100 ended: SIGTERM"},
		},
		"the pid becomes another's between two rungs": {
			world: `
				100 1 S "python3 app.py" caught=1
				---
				gone 100
				100 1 S "sshd" age=1s`,
			pids: []int{100},
			sent: "15 to 100", became: []string{"100 ended: SIGTERM"},
		},
		"a zombie goes when its parent does": {
			world: `
				100 1   S "python3 app.py"
				101 100 Z "" comm=python3
				---
				gone 100 101`,
			pids: []int{100, 101},
			sent: "2 to 100", became: []string{"100 ended: SIGINT", "101 ended: SIGINT"},
		},
		"nothing": {world: `1 0 S "init"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sent, became := killIn(t, c.world, c.req, c.pids...)
			if got := strings.Join(sent, ", "); got != c.sent {
				t.Errorf("sent %q, want %q", got, c.sent)
			}
			if !slices.Equal(became, c.became) {
				t.Errorf("became %q\n  want %q", became, c.became)
			}
		})
	}
}

func TestKillNeedsAHostThatCanAct(t *testing.T) {
	h := probetest.World(t, `100 1 S "python3 app.py"`)
	p, err := probe.ReadProcess(context.Background(), h, 100)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := probe.Kill(context.Background(), h, probe.KillRequest{Targets: []probe.Process{p}}); !errors.Is(err, probe.ErrUnsupported) {
		t.Errorf("error %v", err)
	}
	report, err := probe.Kill(context.Background(), h, probe.KillRequest{Targets: []probe.Process{p}, DryRun: true})
	if err != nil || len(report.Plan) != 1 {
		t.Errorf("dry run: %+v %v", report, err)
	}
}

// start is the start time, in ticks, of a process of that age in every world.
func start(t *testing.T, age string) uint64 {
	t.Helper()
	h := probetest.World(t, `1 0 S "x" age=`+age)
	p, err := probe.ReadProcess(context.Background(), h, 1)
	if err != nil {
		t.Fatal(err)
	}
	return p.Start
}
