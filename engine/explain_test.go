package engine

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"runbook/engine/event"
)

// A recipe as ours are: a chain of conditions gives each process a reading, and
// another function says what comes of it.
const judging = `"""Judges."""

def reading(p, limit, names):
    """Returns what p does."""
    shorts = [n for n in names if n != "root"]
    if not p.pid:
        return struct(rule = "none")
    if p.name == "root" and is_old(p):
        return struct(rule = "old")
    return other(p, shorts, limit)

def is_old(p):
    """Reports whether p is old."""
    return p.pid < 100

def other(p, shorts, limit):
    """Returns what is left."""
    if len(p.name) > limit or (shorts and p.pid > 4000):
        return struct(rule = "large", limit = limit)
    return struct(rule = "none")

def blame():
    """Blame."""
    for p in ps():
        r = reading(p, 3, ["root", "x"])
        if r.rule == "none":
            note("fine", "%s is fine" % p.name, about = p)
        else:
            say(p, r, None)

def say(p, r, later):
    """Says it."""
    if later == None:
        fault(r.rule, "%s is %s" % (p.name, r.rule), about = p)
    else:
        warn(r.rule, "later", about = p)

recipe(steps = [blame])
`

func TestAFindingTellsWhichLinesLedToIt(t *testing.T) {
	said := explained(t, judging)
	want := `beta is large
  demo.star:10:12 reading: return other(p, shorts, limit) [shorts = 1 × string of [n for n in names if n != "root"]; = struct(rule = "large")]
    demo.star:18:8 other: if len(p.name) > limit or (shorts and p.pid > 4000) [len(p.name) = 4; limit = 3]
    demo.star:19:16 other: return struct(rule = "large", limit = limit) [= struct(rule = "large")]
  demo.star:26:12 blame: not (r.rule == "none") [r.rule = "large"]
  demo.star:33:8 say: if later == None [later = None]
`
	if got := said["beta"]; got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
	want = `root is old
  demo.star:8:8 reading: if p.name == "root" and is_old(p) [p.name = "root"; is_old(p) = True]
    demo.star:14:12 is_old: return p.pid < 100 [p.pid = 1; = True]
  demo.star:9:16 reading: return struct(rule = "old") [= struct(rule = "old")]
  demo.star:26:12 blame: not (r.rule == "none") [r.rule = "old"]
  demo.star:33:8 say: if later == None [later = None]
`
	if got := said["root"]; got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

func TestNothingIsExplainedUnlessAskedFor(t *testing.T) {
	b := newBench(t)
	all := findingsOf(t, b, b.library(map[string]string{"demo.star": judging}))
	if len(all) != 2 {
		t.Fatalf("%d findings", len(all))
	}
	for _, f := range all {
		if f.Reasons != nil {
			t.Errorf("%s: %v", f.Title, f.Reasons)
		}
	}
}

// A value that stands in a condition twice is told once.
func TestAConditionTellsEachValueOnce(t *testing.T) {
	said := explained(t, `"""Counts."""

def blame():
    """Blame."""
    for p in ps():
        if p.pid > 1 and p.pid < 4200 and len(p.name) == p.pid - p.pid + 4:
            fault("named", p.name, about = p)

recipe(steps = [blame])
`)
	if got := said["beta"]; strings.Count(got, "p.pid = ") != 1 || !strings.Contains(got, "[p.pid = ") || !strings.Contains(got, "; len(p.name) = 4; ") {
		t.Errorf("got:\n%s", got)
	}
}

// Errors point to the same places, and a docstring stays one.
func TestExplainLeavesErrorsWhereTheyAre(t *testing.T) {
	const broken = `"""Breaks."""

def check(x):
    """Checks."""
    return [1][x.pid] if x and not x.gone else None

def blame():
    """Blame."""
    for p in ps():
        if check(p):
            return

recipe(steps = [blame])
`
	var texts []string
	for _, explain := range []*Explain{nil, {}} {
		b := newBench(t)
		lib := b.library(map[string]string{"demo.star": broken})
		lib.Explain = explain
		r, err := lib.Find(context.Background(), "demo")
		if err != nil {
			t.Fatal(err)
		}
		m := &memory{}
		_, _ = (&Engine{Now: ticking()}).Run(context.Background(), Request{Recipe: r, Sink: m})
		text := ""
		for _, e := range m.events {
			if e.StepFinished != nil {
				text += fmt.Sprintf("%+v\n", *e.StepFinished)
			}
		}
		texts = append(texts, text)
	}
	if texts[0] != texts[1] || !strings.Contains(texts[0], "demo.star:5") {
		t.Errorf("without:\n%s\nwith:\n%s", texts[0], texts[1])
	}
}

func explained(t *testing.T, source string) map[string]string {
	t.Helper()
	b := newBench(t)
	lib := b.library(map[string]string{"demo.star": source})
	lib.Explain = &Explain{}
	out := map[string]string{}
	for _, f := range findingsOf(t, b, lib) {
		text := f.Title + "\n"
		for _, r := range f.Reasons {
			var values []string
			for _, v := range r.Values {
				value := strings.TrimSpace(v.What + " = " + v.Value)
				if v.Of != "" {
					value += " of " + v.Of
				}
				values = append(values, value)
			}
			text += fmt.Sprintf("  %s%s %s: %s [%s]\n", strings.Repeat("  ", r.Depth), r.Pos, r.In, r.Text, strings.Join(values, "; "))
		}
		out[f.About.Name] = text
	}
	return out
}

func findingsOf(t *testing.T, b *bench, lib *Library) []event.Finding {
	t.Helper()
	r, err := lib.Find(context.Background(), "demo")
	if err != nil {
		t.Fatal(err)
	}
	m := &memory{}
	if _, err := (&Engine{Now: ticking()}).Run(context.Background(), Request{Recipe: r, Sink: m}); err != nil {
		t.Fatal(err)
	}
	b.wellFormed(m)
	var out []event.Finding
	for _, e := range m.events {
		if e.Found != nil {
			out = append(out, *e.Found)
		}
	}
	return out
}
