package engine

import (
	"context"
	"errors"
	"testing"

	"runbook/engine/event"
)

// Four steps, of which the last but one takes the first by a default too, and
// the second needs a grant.
const inParts = `
def a():
    """A"""
    return 1

def b(a):
    """B"""
    git.write()

def c(held = None, a = 0):
    """C"""
    return [held, a]

def held():
    """H"""
    return 2

def d(held, c2 = None):
    """D"""
    note("d", "held %s" % held)

recipe(params = {"c2": param.string("", "P")}, steps = [held, a, step(b, needs = ["write"]), c, d])
`

func TestOnlyTheStepsAskedForRunAndWhatTheyNeed(t *testing.T) {
	for _, c := range []struct {
		only []string
		want string
	}{
		{nil, "held a b c d"},
		{[]string{"a"}, "a"},
		{[]string{"b"}, "a b"},
		{[]string{"c"}, "held a c"}, // what has a default is taken where it can be had
		{[]string{"d", "a"}, "held a d"},
		{[]string{"d"}, "held d"}, // c2 is a parameter
	} {
		b := newBench(t)
		r, err := b.library(map[string]string{"demo.star": inParts}).Find(context.Background(), "demo")
		if err != nil {
			t.Fatal(err)
		}
		m := &memory{}
		if _, err := (&Engine{Now: ticking()}).Run(context.Background(), Request{Recipe: r, Sink: m, Steps: c.only}); err != nil {
			t.Fatal(err)
		}
		b.wellFormed(m)
		plan, ran := "", ""
		for _, e := range m.events {
			switch {
			case e.RunStarted != nil:
				for _, p := range e.RunStarted.Plan {
					plan += " " + p.Name
				}
				if len(e.RunStarted.Steps) != len(c.only) {
					t.Errorf("%v: announced as %v", c.only, e.RunStarted.Steps)
				}
			case e.StepFinished != nil:
				ran += " " + e.StepFinished.Name
				if b := e.StepFinished; (b.Status == event.StatusDenied) != (b.Name == "b") {
					t.Errorf("%v: %s is %s", c.only, b.Name, b.Status)
				}
			}
		}
		if plan != " "+c.want || ran != plan {
			t.Errorf("%v: planned%s, ran%s, want %s", c.only, plan, ran, c.want)
		}
	}
}

func TestAStepThatIsNotThereIsAUsageError(t *testing.T) {
	b := newBench(t)
	r, err := b.library(map[string]string{"demo.star": inParts}).Find(context.Background(), "demo")
	if err != nil {
		t.Fatal(err)
	}
	m := &memory{}
	for name, want := range map[string]string{
		"hold": "demo has no step \"hold\"\nhint: did you mean held?",
		"zzzz": "demo has no step \"zzzz\"\nhint: its steps: held, a, b, c, d",
	} {
		_, err := (&Engine{}).Run(context.Background(), Request{Recipe: r, Sink: m, Steps: []string{"a", name}})
		var usage *UsageError
		if !errors.As(err, &usage) || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
	if len(m.events) > 0 {
		t.Errorf("something ran: %v", m.events)
	}
}
