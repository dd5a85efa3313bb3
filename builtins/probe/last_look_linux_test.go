package probe_test

import (
	"context"
	"errors"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"runbook/builtins/probe"
)

func TestTheLastLookComesBeforeTheFirstSignal(t *testing.T) {
	h := live(t)
	// The troupe heeds SIGTERM at once: whoever sees it alive comes before that.
	c := troupe("sleep(sleep,detach(sleep))")
	c.Deadline = 3 * time.Second
	looks := 0
	c.AtDeadline = func(ctx context.Context, tree []probe.ID) {
		looks++
		if left, ok := ctx.Deadline(); !ok || time.Until(left) > 31*time.Second {
			t.Errorf("it may take for ever: %v", left)
		}
		if len(tree) < 3 {
			t.Errorf("tree %v", tree)
		}
		for _, id := range tree {
			if p, err := probe.ReadProcess(ctx, h, id.PID); err != nil || p.ID != id || p.Zombie() {
				t.Errorf("%v: %+v, %v", id, p, err)
			}
		}
		if p, err := probe.ReadProcess(ctx, h, tree[0].PID); err != nil || p.PPID != os.Getpid() {
			t.Errorf("the program is not the first: %+v, %v", p, err)
		}
	}
	if r := run(t, c); !r.TimedOut || looks != 1 {
		t.Errorf("looked %d times: %+v", looks, r)
	}

	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	c.Deadline, looks = 0, 0
	_, err := h.Act().Run(ctx, c)
	if !errors.Is(err, context.DeadlineExceeded) || looks != 1 {
		t.Errorf("at the end of the context: looked %d times, %v", looks, err)
	}
}

func TestNobodyLooksAtAProgramThatEnds(t *testing.T) {
	c := probe.Command{Args: []string{"true"}, Deadline: time.Minute}
	c.AtDeadline = func(context.Context, []probe.ID) { t.Error("looked at its deadline") }
	c.AtLeft = func(context.Context, []probe.Process) { t.Error("looked at what it left") }
	run(t, c)
}

func TestALastLookThatPanicsLeavesNobodyBehind(t *testing.T) {
	c := troupe("deaf(sleep)")
	c.Deadline = time.Second
	var seen []probe.ID
	c.AtDeadline = func(_ context.Context, tree []probe.ID) {
		seen = tree
		panic("of the caller")
	}
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic was swallowed")
			}
		}()
		_, _ = live(t).Act().Run(context.Background(), c)
	}()
	for _, id := range seen {
		if p, err := probe.ReadProcess(context.Background(), live(t), id.PID); err == nil && p.ID == id && !p.Zombie() {
			t.Errorf("%+v is still there", p)
		}
	}
}

func TestWhatAProgramLeavesIsSeenAlive(t *testing.T) {
	c := troupe("detach(detach(sleep))")
	var left []probe.Process
	c.AtLeft = func(_ context.Context, procs []probe.Process) {
		left = procs
		for _, p := range procs {
			if syscall.Kill(p.PID, 0) != nil || len(p.Args) == 0 {
				t.Errorf("%+v", p)
			}
		}
	}
	if r := run(t, c); len(left) != 1 || len(r.Outlived) != 1 || left[0].ID != r.Outlived[0].ID {
		t.Errorf("left %+v, result %+v", left, r)
	}
}

func TestOutputCanBeMergedAndKeptFromItsEnd(t *testing.T) {
	r := run(t, probe.Command{Args: []string{"sh", "-c", "seq 100000; echo last >&2; echo words"}, Merged: true, Tail: true, MaxBytes: 30})
	if string(r.Stdout) != "99998\n99999\n100000\nlast\nwords\n" || !r.Cut || len(r.Stderr) > 0 {
		t.Errorf("%q %q cut %v", r.Stdout, r.Stderr, r.Cut)
	}
	r = run(t, probe.Command{Args: []string{"echo", strings.Repeat("x", 50)}, Tail: true, MaxBytes: 51})
	if len(r.Stdout) != 51 || r.Cut {
		t.Errorf("%q cut %v", r.Stdout, r.Cut)
	}
}
