package engine

import (
	"context"
	"errors"
	"strings"
	"testing"

	"runbook/engine/event"
)

func TestAnArtefactLiesBesideTheRecord(t *testing.T) {
	const keeps = `
def keep():
    """Keep"""
    note("kept", "at <%s>" % artefact("hang-1.tar.gz"))

recipe(summary = "Keeps.", steps = [keep])
`
	beside := func(path string, err error) func(*Engine, *Request) {
		return func(_ *Engine, r *Request) {
			r.Artefact = func(name string) (string, error) { return path + name, err }
		}
	}
	for _, c := range []struct {
		name   string
		change func(*Engine, *Request)
		want   string
	}{
		{"recorded", beside("/runs/1/", nil), "at </runs/1/hang-1.tar.gz>"},
		{"not recorded", func(*Engine, *Request) {}, "at <>"},
	} {
		b := newBench(t)
		m, f := b.run(context.Background(), keeps, c.change)
		if f.Outcome != event.Clean || !strings.Contains(m.findings(), c.want) {
			t.Errorf("%s: %s, %s", c.name, f.Outcome, m.findings())
		}
	}
	b := newBench(t)
	if _, f := b.run(context.Background(), keeps, beside("", errors.New("disk full"))); f.Outcome != event.Failed || !strings.Contains(f.Reason, "artefact hang-1.tar.gz: disk full") {
		t.Errorf("%s: %s", f.Outcome, f.Reason)
	}
	for _, name := range []string{"", "..", "a/b", "/etc/passwd", "a\\0b"} {
		b := newBench(t)
		_, f := b.run(context.Background(), strings.Replace(keeps, "hang-1.tar.gz", name, 1), beside("/runs/1/", nil))
		if f.Outcome != event.Failed || !strings.Contains(f.Reason, "not a plain file name") {
			t.Errorf("%q: %s: %s", name, f.Outcome, f.Reason)
		}
	}
}
