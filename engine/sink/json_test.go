package sink_test

import (
	"bytes"
	"encoding/json"
	"math"
	"regexp"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"runbook/engine/event"
	"runbook/engine/sink"
)

// document is the report of events, checked against the schema.
func document(t *testing.T, events []event.Event) (sink.Report, string) {
	t.Helper()
	var b bytes.Buffer
	s := sink.NewJSON(&b)
	for _, e := range events {
		if err := s.Write(e); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	validate(t, b.Bytes())
	var r sink.Report
	if err := json.Unmarshal(b.Bytes(), &r); err != nil {
		t.Fatal(err)
	}
	return r, b.String()
}

func validate(t *testing.T, doc []byte) {
	t.Helper()
	if err := valid(t, doc); err != nil {
		t.Errorf("the document does not hold to its schema: %v\n%s", err, doc)
	}
}

func valid(t *testing.T, doc []byte) error {
	t.Helper()
	schema, err := jsonschema.UnmarshalJSON(bytes.NewReader(sink.ReportSchema))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("report.json", schema); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("report.json")
	if err != nil {
		t.Fatal(err)
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(doc))
	if err != nil {
		t.Fatal(err)
	}
	return s.Validate(v)
}

func TestReportSaysTheWholeRun(t *testing.T) {
	r, text := document(t, wedged())
	if r.Schema != sink.SchemaName || r.Outcome != event.Faults || r.Run.Recipe != "wedged-actor" || r.Run.Finished == nil {
		t.Errorf("schema %q, outcome %q, recipe %q, finished %v", r.Schema, r.Outcome, r.Run.Recipe, r.Run.Finished)
	}
	if len(r.Findings) != 3 || r.Findings[0].About.Label() != "beta (pid 24377)" || len(r.Findings[0].Evidence) != 3 {
		t.Errorf("findings: %+v", r.Findings)
	}
	var steps []string
	for _, s := range r.Steps {
		steps = append(steps, s.Name+" "+s.Status)
	}
	if got := strings.Join(steps, ", "); got != "trees done, looks done, blame done, cleanup denied" {
		t.Errorf("steps: %s", got)
	}
	if len(r.Views) != 2 || len(r.Coverage) != 5 {
		t.Errorf("%d views, %d coverage rows", len(r.Views), len(r.Coverage))
	}
	if lists := regexp.MustCompile(`"(steps|findings|views|coverage|nodes|edges|victims|members|evidence|grants|columns)": null`); lists.MatchString(text) {
		t.Errorf("a list is null: %s", lists.FindString(text))
	}
	fields := r.Findings[0].Evidence[0]
	if fields[0].Name != "type" || fields[3].Name != "fd" || fields[3].Value != int64(8) {
		t.Errorf("evidence lost its order or its integers: %+v", fields)
	}
}

func TestReportOfARunThatWasCutOff(t *testing.T) {
	events := wedged()
	r, _ := document(t, events[:5]) // within the second step
	if r.Outcome != event.Interrupted || r.Run.Finished != nil {
		t.Errorf("outcome %q, finished %v", r.Outcome, r.Run.Finished)
	}
	if r.Steps[0].Status != "done" || r.Steps[1].Status != "running" || r.Steps[3].Status != "waiting" {
		t.Errorf("steps: %+v", r.Steps)
	}
}

func TestNoEventsNoReport(t *testing.T) {
	var b bytes.Buffer
	if err := sink.NewJSON(&b).Close(); err != nil || b.Len() > 0 {
		t.Errorf("%q, error %v", b.String(), err)
	}
}

func TestSchemaRefusesWhatIsNoReport(t *testing.T) {
	_, text := document(t, wedged())
	for _, change := range [][2]string{
		{`"outcome": "faults"`, `"outcome": "fine"`},
		{`"verdict": "fault"`, `"verdict": "guilty"`},
		{`"victims": []`, `"victims": null`},
		{`"pid": 24377,`, `"pid": "24377",`},
		{`"status": "denied"`, `"status": "nope"`},
	} {
		bad := strings.Replace(text, change[0], change[1], 1)
		if bad == text {
			t.Fatalf("%s is not in the document", change[0])
		}
		if valid(t, []byte(bad)) == nil {
			t.Errorf("%s passes", change[1])
		}
	}
	more := strings.Replace(text, `"outcome": "faults"`, `"outcome": "faults", "added_later": {"x": 1}`, 1)
	if err := valid(t, []byte(more)); err != nil {
		t.Errorf("a field that was added later: %v", err)
	}
}

func TestHostileTextStaysEscapedInJSON(t *testing.T) {
	evil := "a\x1b[2J\u009b31m\u202eb\x7f\xff\n"
	events := []event.Event{{Seq: 1, Kind: event.KindFound, Found: &event.Finding{
		Verdict: event.Note, Rule: "x/y", Title: evil,
		Evidence: []event.Fields{{{Name: evil, Value: evil}, {Name: "ratio", Value: math.NaN()}, {Name: "rest", Value: []any{math.Inf(-1)}}}},
	}}}
	for name, draw := range map[string]func(*bytes.Buffer) event.Sink{
		"json":  func(b *bytes.Buffer) event.Sink { return sink.NewJSON(b) },
		"jsonl": func(b *bytes.Buffer) event.Sink { return sink.NewJSONL(b) },
	} {
		var b bytes.Buffer
		s := draw(&b)
		if err := s.Write(events[0]); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if err := s.Close(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for _, r := range b.String() {
			if r < ' ' && r != '\n' || r >= 0x7f && r < 0xa0 || r == '\u202e' {
				t.Errorf("%s: %U reaches the terminal: %q", name, r, b.String())
			}
		}
		if !strings.Contains(b.String(), `NaN`) || !strings.Contains(b.String(), `-Inf`) {
			t.Errorf("%s: a number that JSON cannot say is lost: %s", name, b.String())
		}
	}
}

// writes counts calls of Write.
type writes [][]byte

func (w *writes) Write(b []byte) (int, error) {
	*w = append(*w, append([]byte(nil), b...))
	return len(b), nil
}

func TestJSONLWritesEachEventAtOnce(t *testing.T) {
	var w writes
	s := sink.NewJSONL(&w)
	n := 0
	for _, e := range wedged() {
		if err := s.Write(e); err != nil {
			t.Fatal(err)
		}
		if e.Progressed == nil {
			n++
		}
		if len(w) != n {
			t.Fatalf("after event %d: %d writes, want %d", e.Seq, len(w), n)
		}
	}
	for _, line := range w {
		var e event.Event
		if err := json.Unmarshal(line, &e); err != nil || bytes.Count(line, []byte("\n")) != 1 {
			t.Errorf("not one whole line: %q, %v", line, err)
		}
	}
}
