package engine

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"runbook/engine/event"
)

// BenchmarkLoad reads a recipe of about 100 lines: what every start pays.
func BenchmarkLoad(b *testing.B) {
	var source strings.Builder
	source.WriteString("\"\"\"# Bench\"\"\"\n")
	var names []string
	for i := range 12 {
		fmt.Fprintf(&source, "def s%d(x):\n    \"\"\"Step\n\n    Guidance.\n    \"\"\"\n    y = [p for p in [1, 2, 3] if p > x]\n    return len(y)\n\n", i)
		names = append(names, fmt.Sprintf("s%d", i))
	}
	fmt.Fprintf(&source, "recipe(params = {'x': param.int(1, 'X')}, steps = [%s])\n", strings.Join(names, ", "))
	lib := (&bench{}).library(map[string]string{"x.star": source.String()})
	b.ReportAllocs()
	for b.Loop() {
		if _, err := lib.Find(context.Background(), "x"); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkFinding says 1,000 findings with evidence; ns/op is for all of them.
func BenchmarkFinding(b *testing.B) {
	lib := (&bench{}).library(map[string]string{"x.star": `
def a():
    """A"""
    p = ps()[0]
    for i in range(1000):
        note("n", "finding %d" % i, about = p, victims = [p], evidence = p)
recipe(steps = [a])
`})
	r, err := lib.Find(context.Background(), "x")
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		f, err := (&Engine{}).Run(context.Background(), Request{Recipe: r, Sink: nobody{}})
		if err != nil || f.Counts[event.Note] != 1000 {
			b.Fatal(f, err)
		}
	}
}

type nobody struct{}

func (nobody) Write(event.Event) error { return nil }
func (nobody) Close() error            { return nil }
