package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"runbook/engine"
	"runbook/engine/event"
)

// notes is a sink that keeps what it reads.
type notes struct{ events []event.Event }

func (n *notes) Write(e event.Event) error { n.events = append(n.events, e); return nil }
func (n *notes) Close() error              { return nil }

func (n *notes) String() string {
	var b strings.Builder
	for i, e := range n.events {
		if e.Seq != i+1 {
			fmt.Fprintf(&b, "(seq %d) ", e.Seq)
		}
		switch {
		case e.StepFinished != nil:
			fmt.Fprintf(&b, "%s %s %s\n", e.StepFinished.Name, e.StepFinished.Status, e.StepFinished.Reason)
		case e.RunFinished != nil:
			fmt.Fprintf(&b, "%s %s %v\n", e.RunFinished.Outcome, e.RunFinished.Reason, e.RunFinished.Counts)
		case e.Found != nil:
			fmt.Fprintf(&b, "%s %s\n", e.Found.Verdict, e.Found.Rule)
		}
	}
	return b.String()
}

// Who dies in the middle leaves a stream without an end; it gets one.
func TestTheStreamOfADeadCellIsClosed(t *testing.T) {
	begun := []event.Event{
		{Seq: 1, Kind: event.KindRunStarted, RunStarted: &event.RunStarted{Recipe: "r", Plan: []event.Planned{{Name: "a"}, {Name: "b"}, {Name: "c"}}}},
		{Seq: 2, Kind: event.KindStepStarted, StepStarted: &event.StepStarted{Name: "a"}},
		{Seq: 3, Kind: event.KindStepFinished, StepFinished: &event.StepFinished{Name: "a", Status: event.StatusDone}},
		{Seq: 4, Kind: event.KindStepStarted, StepStarted: &event.StepStarted{Name: "b"}},
	}
	fault := event.Event{Seq: 5, Kind: event.KindFound, Found: &event.Finding{Verdict: event.Fault, Rule: "r/x"}}
	interrupted, cancel := context.WithCancelCause(context.Background())
	cancel(engine.ErrInterrupted)
	for _, c := range []struct {
		name   string
		ctx    context.Context
		events []event.Event
		want   string
		code   int
	}{
		{"before it was announced", context.Background(), nil, "failed gone map[]\n", 3},
		{"within a step", context.Background(), begun, "a done \nb failed gone\nc skipped the run broke off\nfailed gone map[]\n", 3},
		{"after a fault", context.Background(), append(begun[:4:4], fault), "a done \nfault r/x\nb failed gone\nc skipped the run broke off\nfaults gone map[fault:1]\n", 1},
		{"told to stop", interrupted, begun, "a done \nb cancelled interrupted\nc skipped the run broke off\ninterrupted interrupted map[]\n", 130},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := &notes{}
			story := &ending{sink: n, job: job{Recipe: "r"}}
			for _, e := range c.events {
				_ = story.Write(e)
			}
			f, err := story.close(c.ctx, &died{"gone"})
			if err != nil {
				t.Fatal(err)
			}
			if got := n.String(); got != c.want {
				t.Errorf("got:\n%swant:\n%s", got, c.want)
			}
			if code := engine.ExitCode(f, false); code != c.code {
				t.Errorf("exit %d, want %d", code, c.code)
			}
		})
	}
}

func TestCauseOfDeath(t *testing.T) {
	exit := errors.New("exit status 2")
	for stderr, want := range map[string]string{
		"fatal error: runtime: out of memory\n\ngoroutine 1 [running]:":                        outOfMemory,
		"runtime: failed to create new OS thread (have 9 already; errno=11)\nfatal error: x":   outOfMemory,
		"runtime/cgo: pthread_create failed: Resource temporarily unavailable\nSIGABRT: abort": outOfMemory,
		"fatal error: runtime: cannot allocate memory":                                         outOfMemory,
		"fatal error: too many address space collisions for -race mode":                        outOfMemory,
		"runtime: goroutine stack exceeds 1000000000-byte limit\nfatal error: stack":           outOfMemory,
		"panic: index out of range [3]\n\ngoroutine 1 [running]:":                              "the confined process died: panic: index out of range [3]",
		"": "the confined process died: exit status 2",
	} {
		if got := causeOfDeath(stderr, exit); got != want {
			t.Errorf("%q: got %q, want %q", stderr, got, want)
		}
	}
}

// A cell that is left alone ends by itself: its stdin closes.
func TestACellEndsWithItsParent(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "spin.star")
	write(t, name, "def spin():\n    for i in range(1000000000):\n        pass\nrecipe(summary = \"s\", steps = [step(spin, deadline = \"10m\")])\n")
	c, err := openCell([]root{{}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.load(name); err != nil {
		t.Fatal(err)
	}
	if err := c.send(order{Run: &job{ID: "1", Recipe: "spin"}}); err != nil {
		t.Fatal(err)
	}
	if r, err := c.next(); err != nil || r.Event == nil {
		t.Fatalf("first reply %+v, %v", r, err)
	}
	began := time.Now()
	c.close()
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("it took %s to end", took)
	}
	if state := c.cmd.ProcessState; state == nil || !state.Exited() {
		t.Errorf("it was %v, want an orderly exit", state)
	}
}

// Several recipes in a row share one process, and a load error is no death.
func TestACellOutlivesAnError(t *testing.T) {
	dir := t.TempDir()
	bad, good := filepath.Join(dir, "bad.star"), filepath.Join(dir, "good.star")
	write(t, bad, "oops(\n")
	write(t, good, "def g():\n    \"\"\"G\"\"\"\nrecipe(summary = \"fine\", steps = [g])\n")
	c, err := openCell([]root{{}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	if _, err := c.load(bad); err == nil || explainCode(err) != exitUsage {
		t.Errorf("bad: %v", err)
	}
	r, err := c.load(good)
	if err != nil || r.Summary != "fine" || len(r.Steps) != 1 {
		t.Errorf("good: %+v, %v", r, err)
	}
	if found, err := c.check(good); err != nil || found == nil {
		t.Errorf("check: %v, %v", found, err)
	}
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
