package probe_test

import (
	"context"
	"errors"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"runbook/builtins/probe"
)

func kill(t *testing.T, h probe.Host, r probe.KillRequest) probe.KillReport {
	t.Helper()
	report, err := probe.Kill(context.Background(), h, r)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

func TestKillChoosesARungThatHelps(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		role  string
		grace time.Duration
		rung  string
	}{
		{"sleep", 10 * time.Second, "SIGINT"},
		{"ignore-int", 10 * time.Second, "SIGTERM"}, // and no grace is spent on SIGINT
		{"ignore-both", 10 * time.Second, "SIGKILL"},
		{"deaf", 100 * time.Millisecond, "SIGKILL"},
		{"stopped", 10 * time.Second, "SIGINT"}, // continued, so that it can act
	} {
		t.Run(c.role, func(t *testing.T) {
			t.Parallel()
			h := live(t)
			p := boot(t, h, c.role)
			if c.role == "stopped" {
				until(t, "it stops", func() bool { return state(h, p[0]) == "T" })
			}
			began := time.Now()
			report := kill(t, h, probe.KillRequest{Targets: p, Grace: c.grace})
			if len(report.Ended) != 1 || report.Ended[0].Rung != c.rung || len(report.Survived)+len(report.Refused) > 0 {
				t.Fatalf("want it ended by %s, got %+v", c.rung, report)
			}
			if runs(h, p[0]) {
				t.Error("it still runs")
			}
			if took := time.Since(began); took > 8*time.Second {
				t.Errorf("took %v: waited for a rung that is in vain", took)
			}
		})
	}
}

func TestKillEndsOneTreeRootFirstAndSparesTheOther(t *testing.T) {
	t.Parallel()
	h := live(t)
	tree := boot(t, h, "cascade(sleep,sleep)")
	other := boot(t, h, "cascade(sleep,sleep)")

	var mu sync.Mutex
	var said []string
	report := kill(t, h, probe.KillRequest{
		Targets: []probe.Process{tree[2], tree[0], tree[1]}, // in any order
		Grace:   10 * time.Second,
		Progress: func(text string) {
			mu.Lock()
			defer mu.Unlock()
			said = append(said, text)
		},
	})
	for _, p := range tree {
		if runs(h, p) {
			t.Errorf("pid %d still runs", p.PID)
		}
	}
	for _, p := range other {
		if !runs(h, p) {
			t.Errorf("pid %d of the other tree is gone", p.PID)
		}
	}
	if len(report.Ended) != 3 || len(report.Survived)+len(report.Refused) > 0 {
		t.Fatalf("report %+v", report)
	}
	// The root was told, and nobody else had to be.
	if len(said) != 1 || !strings.HasPrefix(said[0], "SIGINT to ") || !strings.Contains(said[0], "pid "+itoa(tree[0].PID)) {
		t.Errorf("said %q", said)
	}
	for _, e := range report.Ended {
		if e.Rung != "SIGINT" || e.After <= 0 {
			t.Errorf("pid %d ended by %q after %v", e.PID, e.Rung, e.After)
		}
	}
}

// The root heeds SIGINT at once; its child ignores that, and nobody waits to see
// whether it will change its mind.
func TestKillGoesOnWhenThoseItSignalledAreGone(t *testing.T) {
	t.Parallel()
	h := live(t)
	tree := boot(t, h, "sleep(ignore-int)")
	began := time.Now()
	report := kill(t, h, probe.KillRequest{Targets: tree, Grace: 30 * time.Second})
	if len(report.Ended) != 2 || report.Ended[0].Rung != "SIGINT" || report.Ended[1].Rung != "SIGTERM" {
		t.Errorf("report %+v", report)
	}
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("took %v: waited for the grace of a rung on which nobody was left", took)
	}
}

func TestKillFindsChildrenThatNobodyNamed(t *testing.T) {
	t.Parallel()
	h := live(t)
	tree := boot(t, h, "breed(ignore-int,ignore-int)")
	report := kill(t, h, probe.KillRequest{Targets: tree[:1], Grace: 2 * time.Second})
	// breed, its two children, and the deaf one that SIGTERM made it have.
	if len(report.Ended) != 4 || len(report.Survived) > 0 {
		t.Fatalf("ended %d, survived %+v, refused %+v", len(report.Ended), report.Survived, report.Refused)
	}
	for _, e := range report.Ended {
		if runs(h, e.Process) {
			t.Errorf("pid %d still runs", e.PID)
		}
	}
	if last := report.Ended[len(report.Ended)-1]; last.Rung != "SIGKILL" {
		t.Errorf("the last one ended by %s", last.Rung)
	}
}

func TestKillRefusesAReusedPID(t *testing.T) {
	t.Parallel()
	h := live(t)
	p := boot(t, h, "sleep")[0]
	stale := p
	stale.Start-- // who had that pid before
	report := kill(t, h, probe.KillRequest{Targets: []probe.Process{stale}})
	if len(report.Refused) != 1 || report.Refused[0].Why != probe.ErrReused.Error() || len(report.Ended) > 0 {
		t.Errorf("report %+v", report)
	}
	if err := h.Act().Signal(context.Background(), stale.ID, 9); !errors.Is(err, probe.ErrReused) {
		t.Errorf("Signal: %v", err)
	}
	if !runs(h, p) {
		t.Error("it was ended all the same")
	}
}

func TestKillRefusesOurselvesAndWhatWeRunBelow(t *testing.T) {
	t.Parallel()
	h := live(t)
	var targets []probe.Process
	for pid := os.Getpid(); pid > 0; {
		p, err := probe.ReadProcess(context.Background(), h, pid)
		if err != nil {
			break
		}
		targets = append(targets, p)
		pid = p.PPID
	}
	report := kill(t, h, probe.KillRequest{Targets: targets, DryRun: true})
	for _, p := range targets {
		if !slices.ContainsFunc(report.Refused, func(r probe.Refusal) bool { return r.ID == p.ID }) {
			t.Errorf("%s (pid %d) is not refused", p.Comm, p.PID)
		}
	}
	for _, step := range report.Plan {
		if slices.ContainsFunc(targets, func(p probe.Process) bool { return p.ID == step.ID }) {
			t.Errorf("the plan has %s (pid %d)", step.Comm, step.PID)
		}
	}
}

func TestKillInADryRunSignalsNobody(t *testing.T) {
	t.Parallel()
	h := live(t)
	tree := boot(t, h, "sleep(ignore-int)")
	report := kill(t, spied{h, t}, probe.KillRequest{Targets: tree, DryRun: true})
	want := [][]string{{"SIGINT", "SIGTERM", "SIGKILL"}, {"SIGTERM", "SIGKILL"}}
	if len(report.Plan) != 2 || !slices.Equal(report.Plan[0].Signals, want[0]) || !slices.Equal(report.Plan[1].Signals, want[1]) {
		t.Fatalf("plan %+v", report.Plan)
	}
	if report.Plan[1].ID != tree[1].ID || report.Plan[0].Why != "" || report.Plan[1].Why != "ignores SIGINT" {
		t.Errorf("plan %+v", report.Plan)
	}
	for _, p := range tree {
		if !runs(h, p) {
			t.Errorf("pid %d is gone", p.PID)
		}
	}
}

// spied fails the test when it acts.
type spied struct {
	probe.Host
	t *testing.T
}

func (s spied) Act() probe.Actor { return s }

func (s spied) Run(context.Context, probe.Command) (probe.Result, error) {
	s.t.Error("ran a program")
	return probe.Result{}, nil
}

func (s spied) Signal(_ context.Context, id probe.ID, sig int) error {
	s.t.Errorf("sent signal %d to %d", sig, id.PID)
	return nil
}

func (s spied) Wait(context.Context, probe.ID) error { return nil }

func TestKillNamesAZombieAndWhoMustReapIt(t *testing.T) {
	t.Parallel()
	h := live(t)
	tree := boot(t, h, "deaf(exit)")
	until(t, "the child ends, with its threads", func() bool {
		p, err := probe.ReadProcess(context.Background(), h, tree[1].PID)
		return err == nil && p.Zombie() && p.Threads <= 1
	})
	tree[1].State = "Z"
	report := kill(t, h, probe.KillRequest{Targets: tree[1:], Grace: time.Second})
	want := "zombie of pid " + itoa(tree[0].PID) + ": its parent must reap it"
	if len(report.Survived) != 1 || report.Survived[0].Why != want || len(report.Ended) > 0 {
		t.Errorf("want %q, got %+v", want, report)
	}
}

func TestKillStopsAtCtrlCAndSaysWhoIsLeft(t *testing.T) {
	t.Parallel()
	h := live(t)
	tree := boot(t, h, "deaf")
	ctx, cancel := context.WithCancel(context.Background())
	report, err := probe.Kill(ctx, h, probe.KillRequest{
		Targets: tree, Grace: time.Minute, Progress: func(string) { cancel() },
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	if len(report.Survived) != 1 || report.Survived[0].Why != "we stopped before SIGKILL" || !runs(h, tree[0]) {
		t.Errorf("report %+v", report)
	}
}

func TestWaitSeesTheEndOfAnotherProcesssChild(t *testing.T) {
	t.Parallel()
	h := live(t)
	tree := boot(t, h, "deaf(sleep)") // which nobody reaps
	ctx, cancel := context.WithCancel(context.Background())
	act := h.Act()
	ended := make(chan error, 1)
	go func() { ended <- act.Wait(ctx, tree[1].ID) }()
	select {
	case err := <-ended:
		t.Fatalf("Wait returned %v while it runs", err)
	case <-time.After(20 * time.Millisecond):
	}
	if err := act.Signal(ctx, tree[1].ID, 9); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	if err := act.Wait(ctx, tree[1].ID); err != nil { // a zombie has ended
		t.Error(err)
	}
	go func() { ended <- act.Wait(ctx, tree[0].ID) }()
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled, Wait gave %v", err)
	}
}

func itoa(n int) string { return strconv.Itoa(n) }
