package recipetest

import (
	"fmt"
	"slices"
	"strings"

	"runbook/engine"
	"runbook/engine/event"
	"runbook/engine/lazyregexp"
)

// notes is a sink that keeps of a run what a person would remember, twice: in
// short, and with each word.
//
//	fault stopped-consuming 102, victims 100      verdict, rule, subject
//	  what was found                              the title
//	  means: …                                    only in the report: means, because, do
//	| a | b | c                                   only in the report: rows of tables
//	look stopped: why                             steps that are not done
//	ran pytest tests/a.py                         programs
//	usage: why                                    nothing was run; exit 2
//	exit 1
type notes struct {
	recipe        string // its name is left out of rules
	brief, report strings.Builder
	found         []event.Finding
	steps         []event.StepFinished
	kills         map[string]bool // steps that may end processes: no test lets them
	said          strings.Builder
}

func (n *notes) Write(e event.Event) error {
	switch f, s, v := e.Found, e.StepFinished, e.Shown; {
	case e.RunStarted != nil:
		n.kills = map[string]bool{}
		for _, p := range e.RunStarted.Plan {
			n.kills[p.Name] = slices.Contains(p.Needs, "kill")
		}
	case f != nil:
		n.found = append(n.found, *f)
		n.finding(f)
	case v != nil && v.Kind == "table":
		for _, row := range v.Nodes {
			cells := row.Cells
			if row.Label != "" {
				cells = append([]string{row.Label}, cells...)
			}
			fmt.Fprintf(&n.report, "| %s\n", strings.Join(cells, " | "))
		}
	case s != nil:
		n.steps = append(n.steps, *s)
		if s.Status == event.StatusDone || s.Status == event.StatusSkipped || s.Status == event.StatusDenied && n.kills[s.Name] {
			break
		}
		line := fmt.Sprintf("%s %s: %s\n", s.Name, s.Status, position().ReplaceAllString(s.Reason, ""))
		n.brief.WriteString(line)
		n.report.WriteString(line)
	case e.Said != nil:
		fmt.Fprintf(&n.said, "%s: %s\n", e.Said.Pos, e.Said.Text)
	}
	return nil
}

// position is where in a file something was said, which moves with every edit.
var position = lazyregexp.New(`^\S+\.star:\d+:\d+: `)

func (n *notes) finding(f *event.Finding) {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s %s", f.Verdict, n.rule(f), called(f.About))
	for _, group := range []struct {
		word string
		of   []event.Subject
	}{{"victims", f.Victims}, {"members", f.Members}} {
		for i, s := range group.of {
			if i == 0 {
				fmt.Fprintf(&b, ", %s", group.word)
			}
			fmt.Fprintf(&b, " %s", called(&s))
		}
	}
	fmt.Fprintf(&b, "\n  %s\n", f.Title)
	n.brief.WriteString(b.String())
	for _, more := range []struct{ word, text string }{{"means", f.Means}, {"because", f.Because}, {"do", f.Do}} {
		if more.text != "" {
			fmt.Fprintf(&b, "  %s: %s\n", more.word, more.text)
		}
	}
	n.report.WriteString(b.String())
}

func (n *notes) rule(f *event.Finding) string { return strings.TrimPrefix(f.Rule, n.recipe+"/") }

// called names a subject as briefly as it can be: a process by its pid.
func called(s *event.Subject) string {
	switch {
	case s == nil:
		return "-"
	case s.Type == "process":
		return fmt.Sprint(s.PID)
	}
	return s.Label()
}

// usage notes that nothing was run: a parameter is missing, or is no number.
func (n *notes) usage(e *engine.UsageError) {
	for _, b := range []*strings.Builder{&n.brief, &n.report} {
		fmt.Fprintf(b, "usage: %s\n", e.Msg)
	}
}

func (n *notes) close(dir string, ran []string, exit int) {
	for _, b := range []*strings.Builder{&n.brief, &n.report} {
		for _, r := range ran {
			fmt.Fprintf(b, "ran %s\n", r)
		}
		fmt.Fprintf(b, "exit %d\n", exit)
		if dir != "" {
			text := strings.ReplaceAll(b.String(), dir, "DIR")
			b.Reset()
			b.WriteString(text)
		}
	}
}

// Close implements event.Sink.
func (n *notes) Close() error { return nil }
