package markdown

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"
	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files anew")

const guide = "# Wedged actor triage\n\n" +
	"Find the actor that **stopped consuming**: no debugger, no REPL, no `py-spy`.\n\n" +
	"## Find the trees\n\n" +
	"A *long-lived* actor under a parent that lives too is the mark of a wedge. By hand:\n\n" +
	"```sh\nps -eo pid,ppid,etime,args | grep -E 'pytest|tractor\\._child|_subactor\\[' | grep -v grep | sort -k3\n```\n\n" +
	"- `Recv-Q > 0` on the connection to the parent, unchanged: the actor **stopped\n  consuming** its message loop.\n" +
	"- no connection out of the tree: see [the docs](https://example.org/ipc).\n" +
	"  1. look twice\n  2. then judge\n\n" +
	"> Don't blame the network.\n\n" +
	"| wchan | family |\n|---|---|\n| `do_epoll_wait` | epoll |\n| `futex_do_wait` | futex |\n\n" +
	"| situation | newer kernels | older kernels and synonyms |\n|---|---|---|\n" +
	"| poll, select | `poll_schedule_timeout` | `poll_schedule_timeout.constprop.0`, `do_poll`, `do_select` |\n" +
	"| pipe | `anon_pipe_read` | `pipe_read`, `pipe_wait` |\n\n" +
	"---\n\nThe end.\n"

func TestRenderAtEveryWidth(t *testing.T) {
	for _, width := range []int{40, 80, 120, 200} {
		for _, look := range []struct {
			name string
			opt  Options
		}{
			{"dark", Options{Color: true}},
			{"light", Options{Color: true, Style: Light}},
			{"plain", Options{}},
			{"ascii", Options{ASCII: true}},
		} {
			name := fmt.Sprintf("guide.%d.%s", width, look.name)
			t.Run(name, func(t *testing.T) {
				look.opt.Width = width
				got, err := Render(guide, look.opt)
				if err != nil {
					t.Fatal(err)
				}
				check(t, got, width)
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
					t.Errorf("(-want +got; -update writes it anew)\n%s", diff)
				}
			})
		}
	}
}

// check holds what Render promises of every text.
func check(t *testing.T, got string, width int) {
	t.Helper()
	for i, l := range strings.Split(got, "\n") {
		if n := ansi.StringWidth(l); n > width {
			t.Errorf("line %d has %d columns of %d: %q", i+1, n, width, l)
		}
		bare := sgr.ReplaceAllString(l, "")
		if bare != strings.TrimRight(bare, " ") {
			t.Errorf("line %d ends in spaces: %q", i+1, l)
		}
		if j := strings.IndexFunc(bare, func(r rune) bool { return r < ' ' || r >= 0x7f && r < 0xa0 }); j >= 0 {
			t.Errorf("line %d has a control character: %q", i+1, l)
		}
	}
}
