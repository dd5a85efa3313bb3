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
				check(t, guide, got, width)
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

// check holds what Render promises of every text. Lines with code may be wider.
func check(t *testing.T, md, got string, width int) {
	t.Helper()
	source, lines := literal(unwrap(clean(md)))
	code := len(lines) > 0 || strings.Contains(source, space)
	for i, l := range strings.Split(got, "\n") {
		if n := ansi.StringWidth(l); n > width && !code {
			t.Errorf("line %d has %d columns of %d: %q", i+1, n, width, l)
		}
		bare := sgr().ReplaceAllString(l, "")
		if bare != strings.TrimRight(bare, " ") {
			t.Errorf("line %d ends in spaces: %q", i+1, l)
		}
		if j := strings.IndexFunc(bare, func(r rune) bool { return r < ' ' || r >= 0x7f && r < 0xa0 }); j >= 0 {
			t.Errorf("line %d has a control character: %q", i+1, l)
		}
	}
}

func TestMarksOfMarkdownAreGoneInPlain(t *testing.T) {
	got := Plain("# Title\n\nOne *two*\n`three` [four](http://x).\n\n- a\n- b\n\nThen:\n\n```sh\nps -e | grep x\n```\n")
	want := "Title\n\nOne two three four.\n\na\nb\n\nThen:\n\nps -e | grep x"
	if got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestControlCharactersDoNotReachTheTerminal(t *testing.T) {
	for _, md := range []string{
		"\x1b[2Jraw", "entity &#27;[2J", "hex &#x1b;[2J", "no semicolon &#27 [2J", "twice &amp;#27;[2J", "C1 &#155;31m \u009b31m", "`&#27;[2J`",
		"[a &#27;](http://x/&#27;)", "| &#27;[2J |\n|---|\n| &#x9b; |\n", "![&#27;](&#27;)", "<b>&#27;[2J</b>", "```\n&#27;[2J \x1b[2J\n```", "\xff\xfe",
	} {
		for _, color := range []bool{true, false} {
			got, err := Render(md, Options{Width: 60, Color: color})
			if err != nil {
				t.Errorf("%q: %v", md, err)
			}
			check(t, md, got, 60)
			if strings.Contains(got, "\x1b[2J") || !color && strings.Contains(got, "\x1b") {
				t.Errorf("%q became %q", md, got)
			}
		}
	}
}

func TestParagraphsAreFilledWhereverTheSourceBreaks(t *testing.T) {
	got, err := Render("one\ntwo\n  three `four\nfive`\n\n> six\n> seven\n\n- eight\n  nine\n\nhard  \nbreak\n", Options{Width: 60})
	if err != nil {
		t.Fatal(err)
	}
	want := "  one two three `four five`\n\n  | six seven\n\n  • eight nine\n\n  hard\n  break"
	if got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestFencesHideTables(t *testing.T) {
	for _, tc := range []struct {
		md   string
		want int
	}{
		{"a | b\n--|--\nc | d\n", 1},
		{"```\na | b\n--|--\nc | d\n```\n", 0},
		{"a | b\n\n--|--\n", 0},
		{"text\n\n| a | b |\n|:--|--:|\n| c \\| d | e |\n\nmore\n\n| x |\n|---|\n| y |\n", 2},
	} {
		n := 0
		for _, p := range split(tc.md) {
			if p.table != nil {
				n++
			}
		}
		if n != tc.want {
			t.Errorf("%q has %d tables, want %d", tc.md, n, tc.want)
		}
	}
}

func FuzzRender(f *testing.F) {
	f.Add(guide, uint8(40))
	f.Add("&#27;[2J &amp;#x1b;]0;t\x07 \x9b", uint8(20))
	f.Add("> - 1. > | a |\n|---|\n| b |\n", uint8(20))
	f.Add(strings.Repeat("> ", 50)+"deep", uint8(30))
	f.Add("日本語のとても長い単語 **日本語のとても長い単語** `日本語のとても長い単語`", uint8(21))
	f.Add("the last `span ` ends with a blank: `span `", uint8(60))
	f.Add("# \x1b\n***\n[a]: <b>\n[a]\n- [x] done\n~~gone~~ www.example.org", uint8(80))
	f.Fuzz(func(t *testing.T, md string, width uint8) {
		w := 20 + int(width)%101
		for _, o := range []Options{{Width: w}, {Width: w, Color: true}} {
			got, err := Render(md, o)
			if err != nil {
				continue // said, not crashed
			}
			check(t, md, got, w)
		}
	})
}

// hundred is a recipe's guidance of a hundred lines.
var hundred = strings.Repeat(guide, 100/strings.Count(guide, "\n")+1)

// BenchmarkRender draws a hundred lines; "first" includes making the renderer,
// as every run of `runbook docs` does.
func BenchmarkRender(b *testing.B) {
	b.Run("first", func(b *testing.B) {
		for b.Loop() {
			renderers.Clear()
			if _, err := Render(hundred, Options{Width: 80, Color: true}); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("again", func(b *testing.B) {
		for b.Loop() {
			if _, err := Render(hundred, Options{Width: 80, Color: true}); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// Glamour once took the backslashes out of commands: a pattern that is copied
// from the page must be the one that was written.
func TestCodeKeepsItsBackslashes(t *testing.T) {
	source := "run `x\\._y` or\n\n```sh\ngrep -E 'tractor\\._child|_subactor\\[' \\\\\n```\n\nand \\*not\\* this\n"
	got, err := Render(source, Options{Width: 80})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`x\._y`, `grep -E 'tractor\._child|_subactor\[' \\`, "and *not* this"} {
		if !strings.Contains(got, want) {
			t.Errorf("lost %q in\n%s", want, got)
		}
	}
}

func TestATableWithoutRoomExplainsEachRowInOneLine(t *testing.T) {
	got, err := Render("| field | type | |\n|---|---|---|\n| `pid` | int | the process that was looked at |\n| `why` | string | |\n", Options{Width: 44})
	if err != nil {
		t.Fatal(err)
	}
	if want := "• `pid` (int): the process that was looked\n  at\n• `why` (string)"; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// A command is copied from the page, so it is there in one piece.
func TestCodeIsNeverBroken(t *testing.T) {
	source := "Look with `runbook run wedged-actor --pid 4242 --over 10s`, or\n\n```sh\nps -eo pid,ppid,etime,args | sort -k3\n```\n\n- and `ls -l /proc/4242/fd` is short\n"
	got, err := Render(source, Options{Width: 30})
	if err != nil {
		t.Fatal(err)
	}
	want := "Look with\n`runbook run wedged-actor --pid 4242 --over 10s`,\nor\n\n  ps -eo pid,ppid,etime,args | sort -k3\n\n• and `ls -l /proc/4242/fd` is\n  short"
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
