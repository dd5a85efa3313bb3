package sink

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"runbook/engine/event"
)

// sarifOf is what a run with these findings comes to.
func sarifOf(t *testing.T, outcome event.Outcome, findings ...event.Finding) (string, SARIF) {
	t.Helper()
	var b bytes.Buffer
	s := NewSARIF(&b)
	begun := time.Date(2026, 1, 2, 3, 4, 5, 0, time.FixedZone("", 3600))
	seq := 0
	write := func(e event.Event) {
		seq++
		e.Seq, e.At = seq, begun
		if err := s.Write(e); err != nil {
			t.Fatal(err)
		}
	}
	write(event.Event{Kind: event.KindRunStarted, RunStarted: &event.RunStarted{Recipe: "stale-ipc", Tool: "runbook 0.1.0", Started: begun}})
	for _, f := range findings {
		write(event.Event{Kind: event.KindFound, Found: &f})
	}
	write(event.Event{Kind: event.KindRunFinished, RunFinished: &event.RunFinished{Outcome: outcome, Finished: begun}})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	var log SARIF
	d := json.NewDecoder(bytes.NewReader(b.Bytes()))
	d.DisallowUnknownFields()
	if err := d.Decode(&log); err != nil {
		t.Fatal(err)
	}
	return b.String(), log
}

func TestSARIFHoldsFindingsAboutFiles(t *testing.T) {
	source := func(path string, line, column int) *event.Subject {
		return &event.Subject{Type: "source", Path: path, Line: line, Column: column}
	}
	text, log := sarifOf(t, event.Faults,
		event.Finding{Verdict: event.Fault, Rule: "stale-ipc/uncorrelated", Title: "`A.ask` takes the next", About: source("src/a b.py", 3, 7), Members: []event.Subject{*source("c.py", 9, 1), {Type: "process", PID: 4}},
			Means: "Off **by one**. For ever.", Do: "Give it a `mid`.", Because: "`send`, then `receive`"},
		event.Finding{Verdict: event.Fault, Rule: "stale-ipc/uncorrelated", Title: "another", About: source("/abs/d.py", 1, 0)},
		event.Finding{Verdict: event.Warn, Rule: "stale-ipc/unseen", Title: "maybe", About: source("e.py", 2, 2)},
		event.Finding{Verdict: event.Unknown, Rule: "stale-ipc/unread", Title: "could not", About: &event.Subject{Type: "path", Path: "f.py"}},
		event.Finding{Verdict: event.Note, Rule: "stale-ipc/read-by", Title: "about nothing"},
		event.Finding{Verdict: event.RuleOut, Rule: "stale-ipc/ids", Title: "fine", About: source("g.py", 1, 1)},
		event.Finding{Verdict: event.Fault, Rule: "x/process", Title: "a process", About: &event.Subject{Type: "process", PID: 4}},
	)
	run := log.Runs[0]
	var got []string
	for _, r := range run.Results {
		at := r.Locations[0].PhysicalLocation
		got = append(got, strings.Join([]string{r.RuleID, r.Kind, r.Level, at.ArtifactLocation.URI}, " "))
		if run.Tool.Driver.Rules[r.RuleIndex].ID != r.RuleID {
			t.Errorf("%s has the index of %s", r.RuleID, run.Tool.Driver.Rules[r.RuleIndex].ID)
		}
	}
	if want := []string{"stale-ipc/uncorrelated  error src/a%20b.py", "stale-ipc/uncorrelated  error file:///abs/d.py", "stale-ipc/unseen  warning e.py", "stale-ipc/unread open none f.py"}; !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	first := run.Results[0]
	if region := first.Locations[0].PhysicalLocation.Region; region == nil || *region != (SARIFRegion{3, 7}) {
		t.Errorf("region %v", region)
	}
	if len(first.Related) != 1 || first.Related[0].PhysicalLocation.ArtifactLocation.URI != "c.py" {
		t.Errorf("related %v", first.Related)
	}
	if want := "A.ask takes the next\n\nsend, then receive\n\nOff by one. For ever.\n\nGive it a mid."; first.Message.Text != want {
		t.Errorf("message %q", first.Message.Text)
	}
	rule := run.Tool.Driver.Rules[0]
	if len(run.Tool.Driver.Rules) != 3 || rule.ShortDescription.Text != "Off by one." || rule.Help.Markdown != "Give it a `mid`." || run.Tool.Driver.Version != "0.1.0" {
		t.Errorf("rules %+v", run.Tool.Driver)
	}
	if i := run.Invocations[0]; !i.Successful || i.Start.Format(time.RFC3339) != "2026-01-02T02:04:05Z" {
		t.Errorf("invocation %+v", i)
	}
	if strings.Contains(text, `"region": {}`) || strings.Contains(text, "startColumn\": 0") || strings.Contains(text, "null") {
		t.Error(text)
	}
}

// What the standard demands of every document, also of one without findings.
func TestSARIFOfACleanRunIsComplete(t *testing.T) {
	for _, c := range []struct {
		outcome event.Outcome
		ok      bool
	}{{event.Clean, true}, {event.Incomplete, false}, {event.Interrupted, false}} {
		text, log := sarifOf(t, c.outcome)
		if log.Version != "2.1.0" || !strings.Contains(text, `"results": []`) || !strings.Contains(text, `"rules": []`) || log.Runs[0].Invocations[0].Successful != c.ok {
			t.Errorf("%s: %s", c.outcome, text)
		}
	}
	var b bytes.Buffer
	if err := NewSARIF(&b).Close(); err != nil || b.Len() != 0 {
		t.Errorf("a run that never began: %q, %v", b.String(), err)
	}
}
