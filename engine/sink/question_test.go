package sink_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"
	"github.com/google/go-cmp/cmp"

	"runbook/engine/event"
	"runbook/engine/sink"
)

// asked is wedged, up to the question of its cleanup, and what comes after a yes.
func asked() (before, after []event.Event) {
	all := wedged()
	b := builder{events: all[:len(all)-2], at: all[len(all)-1].At, name: "cleanup"}
	beta := actor("beta", 24377)
	b.emit(event.Event{StepStarted: &event.StepStarted{Name: "cleanup", Title: "Clear the wedged trees away"}})
	b.emit(event.Event{Asked: &event.Asked{Effect: "kill", What: event.View{Kind: "table", Title: "To be ended", Columns: []string{"signals"}, Nodes: []event.Node{node(beta, "", "SIGINT")}}}})
	n := len(b.events)
	b.emit(event.Event{Answered: &event.Answered{Effect: "kill", Yes: true}})
	b.emit(event.Event{Shown: &event.View{Kind: "table", Title: "Ended", Nodes: []event.Node{node(beta, "", "ended by SIGINT")}}})
	b.emit(event.Event{Found: &event.Finding{Verdict: event.Warn, Rule: "wedged-actor/not-ended", Title: "gamma was not ended"}})
	b.emit(event.Event{StepFinished: &event.StepFinished{Name: "cleanup", Status: event.StatusDone}})
	b.name = ""
	b.emit(event.Event{RunFinished: &event.RunFinished{Outcome: event.Faults, Finished: b.at}})
	return b.events[:n:n], b.events[n:]
}

// Who is to decide sees what was found first, and nothing twice.
func TestAQuestionComesAfterWhatWasFound(t *testing.T) {
	before, after := asked()
	for _, verbose := range []int{0, 1} {
		var b bytes.Buffer
		opt := sink.TerminalOptions{Width: 100, Unicode: true, Verbose: verbose}
		s := sink.NewTerminal(&b, opt)
		write(t, s, before)
		atQuestion := b.String()
		b.Reset()
		write(t, s, after)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		rest := b.String()
		inOrder(t, atQuestion, "Process tree of root", "Who waits for whom", "FAULT", "NOTE", "✗ 1 fault · ", "cleanup needs the effect kill", "To be ended", "beta (pid 24377)  SIGINT")
		inOrder(t, rest, "not ended", "Ended", "ended by SIGINT", "syscall denied", "1 fault")
		for _, once := range []string{"Process tree of root", "FAULT  ", "Ended\n", "Look twice · done"} {
			if n := strings.Count(atQuestion+rest, once); n > 1 {
				t.Errorf("-v %d: %q is drawn %d times", verbose, once, n)
			}
		}
		if verbose > 0 {
			inOrder(t, atQuestion, "Find the trees · done", "Look twice · done")
			inOrder(t, rest, "Clear the wedged trees away · done")
		}
		var replayed bytes.Buffer
		if _, err := sink.Replay(open(t, keep(t, append(before, after...))), sink.NewTerminal(&replayed, opt)); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(atQuestion+rest, replayed.String()); diff != "" {
			t.Errorf("-v %d (-live +replayed):\n%s", verbose, diff)
		}
	}
}

// Whose name has backticks keeps them: they mark it in the title, and are no part
// of the marks.
func TestANameKeepsItsBackticks(t *testing.T) {
	var b builder
	b.emit(event.Event{RunStarted: &event.RunStarted{Recipe: "r"}})
	b.emit(event.Event{Found: &event.Finding{Verdict: event.Fault, Title: "``` a`b``c ``` waits for `beta`"}})
	for _, color := range []bool{false, true} {
		text := ansi.Strip(draw(t, b.events, sink.TerminalOptions{Width: 80, Color: color}))
		if !strings.Contains(text, "a`b``c waits for beta\n") {
			t.Errorf("colour %v:\n%s", color, text)
		}
	}
}

func TestARunThatEndsAtAQuestionIsDrawnToItsEnd(t *testing.T) {
	before, _ := asked()
	text := draw(t, before, sink.TerminalOptions{Width: 100, Unicode: true, Verbose: 1})
	inOrder(t, text, "To be ended", "Clear the wedged trees away", "the run was cut off within it", "cut off")
}

func TestAQuestionWithoutTargetsIsToldByItsTitle(t *testing.T) {
	var b bytes.Buffer
	q := event.Asked{Effect: "run", What: event.View{Kind: "table", Title: "exec (run)"}}
	if err := sink.DrawQuestion(&b, "install", q, sink.TerminalOptions{}); err != nil {
		t.Fatal(err)
	}
	inOrder(t, b.String(), "install needs the effect run", "exec (run)")
}

// What was done about a finding stands under it; a table of nothing nowhere.
func TestTablesStandWhereTheyBelong(t *testing.T) {
	var b builder
	row := []event.Node{{Label: "a"}}
	b.emit(event.Event{RunStarted: &event.RunStarted{Recipe: "r"}})
	b.emit(event.Event{Shown: &event.View{Kind: "table", Title: "Seen first", Nodes: row}})
	b.emit(event.Event{Found: &event.Finding{Verdict: event.Fault, Title: "it is this"}})
	b.emit(event.Event{Shown: &event.View{Kind: "table", Title: "Done then", Nodes: row}})
	b.emit(event.Event{Shown: &event.View{Kind: "tree", Title: "The tree", Nodes: row}})
	b.emit(event.Event{Shown: &event.View{Kind: "table", Title: "Nobody ended", Columns: []string{"age"}}})
	text := draw(t, b.events, sink.TerminalOptions{Width: 80})
	inOrder(t, text, "Seen first", "The tree", "it is this", "Done then")
	if strings.Contains(text, "Nobody") || strings.Contains(text, "age") {
		t.Errorf("an empty table is drawn:\n%s", text)
	}
}

func write(t *testing.T, s event.Sink, events []event.Event) {
	t.Helper()
	for _, e := range events {
		if err := s.Write(e); err != nil {
			t.Fatal(err)
		}
	}
}

func inOrder(t *testing.T, text string, parts ...string) {
	t.Helper()
	rest := text
	for _, p := range parts {
		_, after, found := strings.Cut(rest, p)
		if !found {
			t.Errorf("%q is missing, or stands too early, in\n%s", p, text)
			return
		}
		rest = after
	}
}

// A process chooses its name and its arguments: they must cost neither the page
// nor the time of who looks.
func TestHugeTextsAreShortAndQuick(t *testing.T) {
	huge := strings.Repeat("w", 2_000_000)
	who := event.Subject{Type: "process", PID: 4711, Name: huge, Cmdline: []string{huge}}
	n := event.Node{ID: who.Key(), Label: who.Label(), Cells: []string{huge}}
	other := event.Node{ID: "b", Parent: n.ID, Label: "b"}
	var b builder
	b.emit(event.Event{RunStarted: &event.RunStarted{Recipe: "r", Title: huge, Host: huge}})
	for _, kind := range []string{"tree", "table", "graph"} {
		b.emit(event.Event{Shown: &event.View{Kind: kind, Title: huge, Columns: []string{"what"}, Nodes: []event.Node{n, other}, Edges: []event.Edge{{From: "b", To: n.ID, Label: huge}}}})
	}
	b.emit(event.Event{Found: &event.Finding{Verdict: event.Fault, Rule: "r/x", Title: huge, About: &who, Victims: []event.Subject{who}, Evidence: []event.Fields{{{Name: "cmdline", Value: huge}}}}})
	b.emit(event.Event{StepFinished: &event.StepFinished{Name: "a", Status: event.StatusFailed, Reason: huge}})
	b.emit(event.Event{RunFinished: &event.RunFinished{Outcome: event.Failed, Reason: huge, Finished: b.at}})
	for _, tc := range []struct{ width, verbose, lines int }{{40, 0, 120}, {80, 0, 80}, {160, 0, 80}, {80, 1, 20_000}} {
		began := time.Now()
		text := draw(t, b.events, sink.TerminalOptions{Width: tc.width, Verbose: tc.verbose})
		if took := time.Since(began); took > 10*time.Second {
			t.Errorf("width %d: took %s", tc.width, took)
		}
		if n := strings.Count(text, "\n"); n > tc.lines {
			t.Errorf("width %d, -v %d: %d lines, want at most %d", tc.width, tc.verbose, n, tc.lines)
		}
		if n := strings.Count(text, "(pid 4711)"); n < 4 {
			t.Errorf("width %d: the pid is shown %d times, want in each view and beside the finding", tc.width, n)
		}
		harmless(t, text, tc.width, true)
	}
}

func TestLongProseTakesTimeInProportion(t *testing.T) {
	for name, word := range map[string]string{"one word": strings.Repeat("w", 2_000_000), "wide": strings.Repeat("語", 500_000), "of many inks": strings.Repeat("a*", 500_000)} {
		t.Run(name, func(t *testing.T) {
			var b builder
			b.emit(event.Event{Found: &event.Finding{Verdict: event.Fault, Title: "t", Means: word}})
			began := time.Now()
			text := draw(t, b.events, sink.TerminalOptions{Width: 80, Color: true, Unicode: true})
			if took := time.Since(began); took > 20*time.Second {
				t.Errorf("took %s", took)
			}
			letter := word[:1]
			if r := []rune(word)[0]; r > 127 {
				letter = string(r)
			}
			if got, want := strings.Count(text, letter), strings.Count(word, letter); got < want {
				t.Errorf("%d of %d letters are drawn", got, want)
			}
		})
	}
}

// A chain reads as one: each wait stands further in, and where there is no room
// for that it begins anew with who waits.
func TestALongChainStaysReadable(t *testing.T) {
	v := event.View{Kind: "graph", Title: "Who waits for whom"}
	names := strings.Split("abcdefghijklmnop", "")
	for i, name := range names {
		v.Nodes = append(v.Nodes, event.Node{ID: name, Label: name})
		if i > 0 {
			v.Edges = append(v.Edges, event.Edge{From: names[i-1], To: name, Label: "reads fd 8", Certain: true})
		}
	}
	var b builder
	b.emit(event.Event{Shown: &v})
	text := draw(t, b.events, sink.TerminalOptions{Width: 40, Unicode: true})
	want := `
a
  ──reads fd 8──▶ b
    ──reads fd 8──▶ c
      ──reads fd 8──▶ d
        ──reads fd 8──▶ e
          ──reads fd 8──▶ f
            ──reads fd 8──▶ g
g
  ──reads fd 8──▶ h
`
	if !strings.Contains(text, want[1:]) {
		t.Errorf("want\n%s\nin\n%s", want, text)
	}
}

func TestAWarningIsNotClean(t *testing.T) {
	var b builder
	b.emit(event.Event{Found: &event.Finding{Verdict: event.Warn, Title: "it may be this"}})
	b.emit(event.Event{RunFinished: &event.RunFinished{Outcome: event.Clean, Finished: b.at}})
	if text := draw(t, b.events, sink.TerminalOptions{Unicode: true}); !strings.HasSuffix(text, "\n! 1 warning · 0ms\n") {
		t.Errorf("%s", text)
	}
	if text := draw(t, b.events, sink.TerminalOptions{Unicode: true, Color: true}); !strings.Contains(text, "\x1b[1;33m! 1") {
		t.Errorf("not in yellow: %q", text)
	}
}

// Where somebody's Ctrl-C, or a process that is gone, found the recipe is of no
// use to who reads the run; of an error in the recipe it is.
func TestABacktraceIsShownWhereTheRecipeIsToBlame(t *testing.T) {
	for _, tc := range []struct {
		name    string
		unknown string
		status  event.Status
		shown   bool
	}{
		{"an error of the recipe", "", event.StatusFailed, true},
		{"cancelled", "", event.StatusCancelled, false},
		{"gone", "r/could-not-look-ps", event.StatusFailed, false},
		{"by hand", "", event.StatusDenied, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var b builder
			b.name = "look"
			if tc.unknown != "" {
				b.emit(event.Event{Found: &event.Finding{Verdict: event.Unknown, Rule: tc.unknown, Title: "no pid 7"}})
			}
			b.emit(event.Event{StepFinished: &event.StepFinished{Name: "look", Status: tc.status, Reason: "it is so", Detail: "  in look (r.star:3:4)"}})
			for verbose, want := range []bool{tc.shown, true} {
				if text := draw(t, b.events, sink.TerminalOptions{Verbose: verbose}); strings.Contains(text, "r.star:3:4") != want {
					t.Errorf("-v %d: want the detail: %v\n%s", verbose, want, text)
				}
			}
		})
	}
}

// Why a run came to nothing is said once, and the steps that it left out are
// one line.
func TestWhyNothingWasDoneIsSaidOnce(t *testing.T) {
	const why = "no actor tree is running here"
	for name, unknown := range map[string]bool{"in peace": false, "incomplete": true} {
		t.Run(name, func(t *testing.T) {
			var b builder
			b.name = "trees"
			if unknown {
				b.emit(event.Event{Found: &event.Finding{Verdict: event.Unknown, Rule: "r/stopped", Title: why}})
			}
			b.emit(event.Event{StepFinished: &event.StepFinished{Name: "trees", Status: event.StatusStopped, Reason: why}})
			for _, s := range []string{"looks", "blame"} {
				b.emit(event.Event{StepFinished: &event.StepFinished{Name: s, Status: event.StatusSkipped, Reason: "stopped: " + why}})
			}
			end := event.RunFinished{Outcome: event.Clean, Reason: why, Finished: b.at}
			if unknown {
				end.Outcome = event.Incomplete
			}
			b.emit(event.Event{RunFinished: &end})
			text := draw(t, b.events, sink.TerminalOptions{Unicode: true})
			if n := strings.Count(text, why); n != 1 {
				t.Errorf("%d times:\n%s", n, text)
			}
			inOrder(t, text, "trees stopped\n", "looks, blame skipped\n")
		})
	}
	t.Run("for want of each other", func(t *testing.T) {
		var b builder
		b.emit(event.Event{StepFinished: &event.StepFinished{Name: "a", Status: event.StatusFailed, Reason: "it broke"}})
		b.emit(event.Event{StepFinished: &event.StepFinished{Name: "b", Status: event.StatusSkipped, Reason: "needs a, which failed"}})
		b.emit(event.Event{StepFinished: &event.StepFinished{Name: "c", Status: event.StatusSkipped, Reason: "needs b, which was skipped"}})
		inOrder(t, draw(t, b.events, sink.TerminalOptions{Unicode: true}), "a failed: it broke\n", "b, c skipped\n")
	})
}
