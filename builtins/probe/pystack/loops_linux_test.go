package pystack

import (
	"context"
	"slices"
	"strconv"
	"testing"
)

// The second process runs what the first has told of, and has all else in another place.
func TestLoopsAreTheLibrariesThatWereImported(t *testing.T) {
	h := liveHost(t)
	for _, s := range []struct {
		program string
		want    []string
	}{
		{"import selectors; print(1); input()", []string{}},
		{"import asyncio; print(1); input()", []string{"asyncio"}},
	} {
		pid := launch(t, t.TempDir(), nil, "-c", "import os, sys; r, w = os.pipe(); os.dup2(r, 0)\n"+s.program)
		got, err := Loops(context.Background(), h, pid)
		if err != nil || !slices.Equal(got, s.want) {
			t.Errorf("%s: %v, %v; want %v", s.program, got, err, s.want)
		}
	}
}

func BenchmarkLoops(b *testing.B) {
	h := liveHost(b)
	pid := launch(b, b.TempDir(), nil, "-c", "import os; r, w = os.pipe(); os.dup2(r, 0); print(1); input()")
	for _, s := range []struct {
		name string
		look func() error
	}{
		{"Loops", func() error { _, err := Loops(context.Background(), h, pid); return err }},
		{"Read", func() error { _, err := Read(context.Background(), h, pid, Options{}); return err }},
		{"maps", func() error { _, err := h.ReadFile(context.Background(), strconv.Itoa(pid)+"/maps", nil); return err }},
	} {
		b.Run(s.name, func(b *testing.B) {
			for b.Loop() {
				if err := s.look(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
