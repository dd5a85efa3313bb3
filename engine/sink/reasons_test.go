package sink_test

import (
	"io"
	"slices"
	"strings"
	"testing"

	"runbook/engine/event"
	"runbook/engine/sink"
)

// Of a run with --explain: in the document, which holds to its schema, and under
// the finding, each line with what it saw below it.
func TestReasonsStandUnderTheirFinding(t *testing.T) {
	events := wedged()
	at := slices.IndexFunc(events, func(e event.Event) bool { return e.Found != nil })
	f := *events[at].Found
	f.Reasons = []event.Reason{
		{Pos: "lib/states.star:68:8", In: "reading", Text: `if main.family == "epoll"`, Values: []event.Seen{{What: "main.family", Value: `"epoll"`}}},
		{Pos: "lib/states.star:69:16", In: "reading", Text: "return of_idle_loop(pair, unread)", Values: []event.Seen{
			{What: "unread", Value: "1 × edge", Of: `[e for e in edges if e.kind == "unread"]`}, {Value: `struct(level = "fault")`},
		}},
		{Depth: 1, Pos: "lib/states.star:154:8", In: "of_idle_loop", Text: "if unread"},
		{Text: "… and 3 more"},
	}
	events[at].Found = &f
	if r, _ := document(t, events); len(r.Findings[0].Reasons) != 4 || r.Findings[0].Reasons[1].Values[0].Of == "" {
		t.Errorf("%+v", r.Findings[0].Reasons)
	}
	want := `why        lib/states.star:68 if main.family == "epoll"
             main.family = "epoll"
           lib/states.star:69 return of_idle_loop(pair, unread)
             unread = 1 × edge of [e for e in edges if e.kind == "unread"] ·
               → struct(level = "fault")
             lib/states.star:154 if unread
           … and 3 more
`
	var out strings.Builder
	s := sink.NewTerminal(struct{ io.Writer }{&out}, sink.TerminalOptions{Width: 80, Unicode: true})
	for _, e := range events {
		if err := s.Write(e); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(strings.ReplaceAll(out.String(), "\u00a0", " "), want) {
		t.Errorf("want\n%s\nin\n%s", want, out.String())
	}
}
