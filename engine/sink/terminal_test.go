package sink_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"runbook/engine/event"
	"runbook/engine/sink"
)

var update = flag.Bool("update", false, "write the golden files anew")

// draw is what a person sees of events.
func draw(t testing.TB, events []event.Event, opt sink.TerminalOptions) string {
	t.Helper()
	var b bytes.Buffer
	s := sink.NewTerminal(&b, opt)
	for _, e := range events {
		if err := s.Write(e); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got; -update writes it anew):\n%s", name, diff)
	}
}

func TestTerminalAtEveryWidth(t *testing.T) {
	for _, width := range []int{40, 60, 80, 100, 160} {
		for _, look := range []struct {
			name string
			opt  sink.TerminalOptions
		}{
			{"plain", sink.TerminalOptions{Unicode: true}},
			{"color", sink.TerminalOptions{Unicode: true, Color: true}},
			{"ascii", sink.TerminalOptions{}},
		} {
			name := fmt.Sprintf("wedged.%d.%s", width, look.name)
			t.Run(name, func(t *testing.T) {
				look.opt.Width = width
				golden(t, name, draw(t, wedged(), look.opt))
			})
		}
	}
}
