package sink_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/charmbracelet/x/ansi"
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

func TestVerboseShowsGuidanceAndCalls(t *testing.T) {
	golden(t, "wedged.100.verbose", draw(t, wedged(), sink.TerminalOptions{Width: 100, Unicode: true, Verbose: 1}))
}

func TestARunThatWasCutOffSaysSo(t *testing.T) {
	var events []event.Event
	for _, e := range wedged() {
		if e.StepFinished != nil && e.StepFinished.Name == "blame" {
			break // killed before the step of the findings ended
		}
		events = append(events, e)
	}
	golden(t, "cut-off.80.plain", draw(t, events, sink.TerminalOptions{Width: 80, Unicode: true}))
}

// TestViews draws what the fixture has not: a circle, a forest, tables.
func TestViews(t *testing.T) {
	one, two, three := actor("one", 101), actor("two", 102), actor("three", 103)
	ring := event.View{
		Kind: "graph", Title: "A circle, and one who waits for it",
		Nodes: []event.Node{node(one, ""), node(two, ""), node(three, "")},
		Edges: []event.Edge{
			{From: one.Key(), To: two.Key(), Kind: "send", Label: "blocked sending on fd 9", Certain: true, Unchanged: true},
			{From: two.Key(), To: one.Key(), Kind: "send", Label: "blocked sending on fd 7", Certain: true, Unchanged: true},
			{From: three.Key(), To: one.Key(), Kind: "unread", Label: "300 bytes unread on fd 8", Certain: false, Unchanged: true},
		},
	}
	forest := event.View{Kind: "tree", Title: "Two roots, an orphan, a ring that only a broken stream has", Columns: []string{"state"}, Nodes: []event.Node{
		node(one, "", "R"), node(two, one.Key(), "S"), node(three, "process:7@gone", "S"),
		{ID: "x", Parent: "y", Label: "x", Cells: []string{"?"}}, {ID: "y", Parent: "x", Label: "y"},
	}}
	crowd := event.View{Kind: "tree", Title: "A crowd", Nodes: []event.Node{node(one, "")}}
	for i := range 100 {
		crowd.Nodes = append(crowd.Nodes, node(actor(fmt.Sprintf("worker-%d", i), 1000+i), one.Key()))
	}
	crowd.Nodes = append(crowd.Nodes, node(two, one.Key()))
	deep := event.View{Kind: "tree", Title: "Deep, with long names", Columns: []string{"age", "state", "what"}}
	for i := range 14 {
		who, parent := actor(fmt.Sprintf("service_%d.of_the_brokerd_that_feeds_everybody", i), 4_000_000+i), ""
		if i > 0 {
			parent = deep.Nodes[i-1].ID
		}
		deep.Nodes = append(deep.Nodes, node(who, parent, "3h12m", "sleeping", "sleeps in a synchronous `connect` to 192.0.2.7:443, 45,000 bytes unread on fd 8"))
	}
	table := event.View{Kind: "table", Title: "Locks", Columns: []string{"bytes", "holder", "path"}, Nodes: []event.Node{
		{Label: "flock", Cells: []string{"12", "one (pid 101)", "/var/lib/thing/a lock with a rather long name.lock"}},
		{Label: "fcntl", Cells: []string{"4,096", "two (pid 102)", "/run/b"}},
	}}
	deadlock := event.Finding{
		Verdict: event.Fault, Rule: "wedged-actor/deadlock", Title: "`one` and `two` wait for each other",
		About: &one, Members: []event.Subject{one, two}, Victims: []event.Subject{three},
		Means: "Each waits for the next:\n\n- one: blocked sending on fd 9\n- two: blocked sending on fd 7\n",
	}
	var b builder
	b.emit(event.Event{RunStarted: &event.RunStarted{Recipe: "views"}})
	for _, v := range []event.View{ring, forest, crowd, deep, table, {Kind: "graph", Title: "Nobody"}} {
		b.emit(event.Event{Shown: &v})
	}
	b.emit(event.Event{Found: &deadlock})
	for i := range 3 {
		b.emit(event.Event{Found: &event.Finding{Verdict: event.Note, Rule: "views/same", Title: fmt.Sprintf("note %d", i+1), Do: "Read this once."}})
	}
	b.emit(event.Event{Said: &event.Said{Text: "printed by\nthe recipe"}})
	b.emit(event.Event{RunFinished: &event.RunFinished{Outcome: event.Faults, Finished: b.at}})
	for _, width := range []int{40, 60, 80, 160} {
		golden(t, fmt.Sprintf("views.%d.plain", width), draw(t, b.events, sink.TerminalOptions{Width: width, Unicode: true}))
	}
}

// A table stays one while its texts can wrap between words; after that each row is
// a list, under its first cell.
func TestATableTooWide(t *testing.T) {
	v := event.View{Kind: "table", Title: "Suites", Columns: []string{"suite", "verdict", "runs", "tests"}, Nodes: []event.Node{
		{Cells: []string{"tests/test_rerun.py", "flaky", "2", "1 passed, 1 run again"}},
		{Cells: []string{"tests/test_exit.py", "not run", "0", ""}},
	}}
	for width, want := range map[int]string{
		60: `Suites
  suite                verdict  runs  tests
  tests/test_rerun.py  flaky       2  1 passed, 1 run again
  tests/test_exit.py   not run     0
`,
		50: `Suites
  suite                verdict  runs  tests
  tests/test_rerun.py  flaky       2  1 passed,
                                      1 run again
  tests/test_exit.py   not run     0
`,
		40: `Suites
  suite tests/test_rerun.py
    verdict flaky
    runs 2
    tests 1 passed, 1 run again
  suite tests/test_exit.py
    verdict not run
    runs 0
`,
	} {
		var b builder
		b.emit(event.Event{RunStarted: &event.RunStarted{Recipe: "r"}})
		b.emit(event.Event{Shown: &v})
		b.emit(event.Event{RunFinished: &event.RunFinished{Outcome: event.Clean, Finished: b.at}})
		_, got, _ := strings.Cut(draw(t, b.events, sink.TerminalOptions{Width: width}), "Suites")
		if got, _, _ = strings.Cut("Suites"+got, "\n\n"); got+"\n" != want {
			t.Errorf("at %d columns:\n%s\nwant\n%s", width, got, want)
		}
	}
}

// Patterns of files are not bold, and a percentage stands on one line.
func TestTextThatIsNoMarkdown(t *testing.T) {
	var b builder
	b.emit(event.Event{RunStarted: &event.RunStarted{Recipe: "r"}})
	b.emit(event.Event{Found: &event.Finding{Verdict: event.Note, Rule: "r/x", Title: "src/ipc/** src/ui/** a/**/b c/**/d are **four** of them, at 95 % of all"}})
	b.emit(event.Event{RunFinished: &event.RunFinished{Outcome: event.Clean, Finished: b.at}})
	got := draw(t, b.events, sink.TerminalOptions{Width: 68})
	if want := "src/ipc/** src/ui/** a/**/b c/**/d are four of them, at\n           95 % of all"; !strings.Contains(got, want) {
		t.Errorf("want %q in\n%s", want, got)
	}
}

func TestOutcomes(t *testing.T) {
	for _, tc := range []struct {
		finished event.RunFinished
		want     string
	}{
		{event.RunFinished{Outcome: event.Clean}, "ok clean - no findings - 0ms"},
		{event.RunFinished{Outcome: event.Incomplete, Reason: "no actor tree matches"}, "? incomplete: no actor tree matches - no findings - 0ms"},
		{event.RunFinished{Outcome: event.Failed, Reason: "step trees failed"}, "!! failed: step trees failed - no findings - 0ms"},
		{event.RunFinished{Outcome: event.Interrupted, Reason: "interrupt"}, "o interrupted: interrupt - no findings - 0ms"},
	} {
		var b builder
		b.emit(event.Event{RunStarted: &event.RunStarted{Recipe: "r"}})
		tc.finished.Finished = b.at
		b.emit(event.Event{RunFinished: &tc.finished})
		if got := draw(t, b.events, sink.TerminalOptions{Width: 80}); !strings.HasSuffix(got, "\n"+tc.want+"\n") {
			t.Errorf("want the last line %q in\n%s", tc.want, got)
		}
	}
}

func TestAQuestionIsDrawnByItself(t *testing.T) {
	var b bytes.Buffer
	v := event.View{Kind: "table", Title: "Would be ended", Columns: []string{"pid"}, Nodes: []event.Node{{Label: "be\x1b[31mta", Cells: []string{"42"}}}}
	if err := sink.DrawQuestion(&b, "cleanup", event.Asked{Effect: "kill", What: v}, sink.TerminalOptions{Width: 40, Unicode: true}); err != nil {
		t.Fatal(err)
	}
	if want := "\ncleanup needs the effect kill. It would\n  hit exactly this:\n\nWould be ended\n           pid\nbe\ufffd[31mta   42\n\n"; b.String() != want {
		t.Errorf("%q, want %q", b.String(), want)
	}
}

var ours = regexp.MustCompile("\x1b\\[[0-9;]*m")

// copied are the colours of code, ours and glamour's.
var copied = regexp.MustCompile("\x1b\\[(36|38;5;80)m")

// harmless holds what the terminal sink promises of any text: no line wider
// than the page but for one with a command, no control character but our own
// colours. Without colour a command cannot be told from a word.
func harmless(t *testing.T, text string, width int, ascii bool) {
	t.Helper()
	colored := strings.Contains(text, "\x1b[")
	for _, l := range strings.Split(text, "\n") {
		if n := ansi.StringWidth(l); n > width && colored && !copied.MatchString(l) {
			t.Errorf("%d columns of %d: %q", n, width, l)
		}
		for _, r := range ours.ReplaceAllString(l, "") {
			if r < ' ' || r >= 0x7f && r < 0xa0 || r == '\u202e' || ascii && r > '~' {
				t.Errorf("%U reaches the terminal: %q", r, l)
			}
		}
		if !utf8.ValidString(l) {
			t.Errorf("not UTF-8: %q", l)
		}
	}
}

// poisoned puts s wherever the fixture has text.
func poisoned(s string) []event.Event {
	who := event.Subject{Type: "process", PID: 7, Name: s, Cmdline: []string{s}, StartTime: s}
	n := event.Node{ID: who.Key(), Label: s, Cells: []string{s, s, s}}
	var b builder
	b.emit(event.Event{RunStarted: &event.RunStarted{ID: s, Recipe: s, Title: s, Digest: s, Origin: s, Tool: s, Host: s, From: s, Grants: []string{s}, Params: event.Fields{{Name: s, Value: s}},
		Plan: []event.Planned{{Name: "a", Title: s, Guidance: s}}}})
	b.emit(event.Event{Said: &event.Said{Text: s}})
	b.step("a", s, time.Second, func() {
		b.call(s, s, time.Second, 1)
		b.emit(event.Event{Progressed: &event.Progressed{Text: s}})
		b.emit(event.Event{Covered: &event.Coverage{Probe: s, PID: 1, Status: "denied", Detail: s, Remedy: s}})
		for _, kind := range []string{"tree", "graph", "table"} {
			b.emit(event.Event{Shown: &event.View{Kind: kind, Title: s, Columns: []string{s, s}, Nodes: []event.Node{n, {ID: s, Parent: n.ID, Label: s, Cells: []string{s}}},
				Edges: []event.Edge{{From: s, To: n.ID, Label: s}, {From: n.ID, To: s, Label: s, Certain: true}}}})
		}
		for _, verdict := range []event.Verdict{event.Fault, event.Warn, event.Unknown, event.RuleOut, event.Note} {
			b.emit(event.Event{Found: &event.Finding{Verdict: verdict, Rule: s, Title: s, About: &who, Victims: []event.Subject{who, who}, Members: []event.Subject{who, who},
				Means: s, Do: s, Because: s, Pos: s, Evidence: []event.Fields{{{Name: "type", Value: s}, {Name: "at", Value: s}, {Name: s, Value: []any{s, event.Fields{{Name: s, Value: s}}}}}}}})
		}
	})
	b.emit(event.Event{StepFinished: &event.StepFinished{Name: s, Title: s, Status: event.StatusFailed, Reason: s, Detail: s}})
	b.emit(event.Event{RunFinished: &event.RunFinished{Outcome: event.Failed, Reason: s, Finished: b.at}})
	return b.events
}

func FuzzTerminal(f *testing.F) {
	for _, s := range []string{
		"", "plain", "\x1b[31mred\x1b[0m", "a\x1b]0;title\x07b", "\u009b31mC1", "\xff\xfe", "line\nbreak\r\nand\rreturn", "tab\tstop\v\f",
		"right\u202eto left", "e\u0301\u0301\u0301 \u200d\ufe0f", "👩‍👩‍👧 family 🇩🇪🇩 ☺️", "日本語のとても長い単語がここにあります。日本語のとても長い単語", strings.Repeat("w", 500),
		"**bold `code** mix` * `", "```\ncode\n", "- item\n  1. two\n\n    indented", "&#27;[2J &amp;#27; &#x9b;", "| a | b |\n|---|---|\n| \x1b | d |\n", "\u00a0\u2028\u2029\u00ad",
		"<b>html</b> <!-- \x1b --> [link](http://\x1b) ![i](x)", "﷽﷽﷽﷽﷽", "\u0300leading",
	} {
		f.Add(s, uint8(60))
	}
	f.Fuzz(func(t *testing.T, s string, width uint8) {
		w := 20 + int(width)%181
		for _, opt := range []sink.TerminalOptions{
			{Width: w},
			{Width: w, Unicode: true, Color: true, Verbose: 1},
		} {
			events := poisoned(s)
			harmless(t, draw(t, events, opt), w, !opt.Unicode)
		}
		opt := sink.TerminalOptions{Width: w, Unicode: true, Live: true}
		live := draw(t, poisoned(s), opt)
		for _, l := range regexp.MustCompile("\r\x1b\\[K").Split(live, -1) {
			harmless(t, l, w, false)
		}
	})
}

func TestAnAbsurdlyDeepTreeIsDrawn(t *testing.T) {
	v := event.View{Kind: "tree"}
	for i := range 50_000 {
		v.Nodes = append(v.Nodes, event.Node{ID: fmt.Sprint(i + 1), Parent: fmt.Sprint(i), Label: "n"})
	}
	var b bytes.Buffer
	if err := sink.DrawQuestion(&b, "a", event.Asked{Effect: "run", What: v}, sink.TerminalOptions{Width: 60}); err != nil || strings.Count(b.String(), "\n") != len(v.Nodes)+4 {
		t.Errorf("%d lines, error %v", strings.Count(b.String(), "\n"), err)
	}
}

// The header has a command line as it was typed, flags first.
func TestTheHeaderHasTheCommandLine(t *testing.T) {
	got := draw(t, []event.Event{{At: time.Unix(0, 0), Kind: event.KindRunStarted, RunStarted: &event.RunStarted{
		Recipe: "gate", Origin: "embedded", Positional: "suites", Dashed: "args", Given: []string{"suites", "args", "signatures", "repeat"},
		Params: event.Fields{{Name: "suites", Value: []any{"a.py", "b c.py"}}, {Name: "args", Value: []any{"-k", "x or y"}},
			{Name: "signatures", Value: []any{"s.json", "t.json"}}, {Name: "repeat", Value: int64(3)}, {Name: "junit", Value: nil}},
	}}}, sink.TerminalOptions{Width: 200})
	if want := `--signatures s.json --signatures t.json - --repeat 3 - a.py "b c.py" - -- -k "x or y"`; !strings.Contains(got, want) {
		t.Errorf("got\n%s\nwant %s", got, want)
	}
}

// Lists and records within evidence are for people, too.
func TestEvidenceHoldsNoBrackets(t *testing.T) {
	holder := func(pid int64) event.Fields {
		return event.Fields{{Name: "type", Value: "holder"}, {Name: "source", Value: "procfs"}, {Name: "pid", Value: pid}, {Name: "fd", Value: int64(1)}, {Name: "path", Value: nil}}
	}
	var b builder
	b.emit(event.Event{RunStarted: &event.RunStarted{Recipe: "r"}})
	b.emit(event.Event{Found: &event.Finding{Verdict: event.Fault, Rule: "r/pipe", Title: "a full pipe", Evidence: []event.Fields{{
		{Name: "type", Value: "pipe"}, {Name: "bytes", Value: int64(65536)}, {Name: "writers", Value: []any{}}, {Name: "caught", Value: []any{"SIGINT", "SIGUSR1"}},
		{Name: "readers", Value: []any{holder(31), holder(32), holder(33), holder(34), holder(35), holder(36)}},
		{Name: "stack", Value: []any{"wait (threading.py:327)", "a frame in a file with a rather long path (/srv/app/venv/lib/worker.py:45)", "join (/home/me/my code/.pyenv/versions/3.11.7/lib/threading.py:1119)"}},
		{Name: "task", Value: holder(37)}, {Name: "source", Value: "procfs"},
	}}}})
	got := draw(t, b.events, sink.TerminalOptions{Width: 60})
	want := `evidence   pipe  bytes 65536  writers none
             caught SIGINT, SIGUSR1  task pid 37, fd 1
             (procfs)
             readers  pid 31, fd 1
                      pid 32, fd 1
                      pid 33, fd 1
                      pid 34, fd 1
                      ... 2 more, -v shows them
             stack  wait (threading.py:327)
                    a frame in a file with a rather long
                      path (/srv/app/venv/lib/worker.py:45)
                    join
                      (/home/me/my code/.pyenv/versions/3.11.7/lib/threading.py:1119)
`
	if !strings.Contains(got, want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
