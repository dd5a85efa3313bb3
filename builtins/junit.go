package builtins

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	startime "go.starlark.net/lib/time"
	"go.starlark.net/starlark"

	"runbook/builtins/probe"
	"runbook/engine"
	"runbook/engine/event"
)

func (w *world) junit() engine.Builtin {
	return engine.Builtin{
		Name: "junit",
		Doc: "Writes what test suites came to as JUnit XML, in the dialect of Surefire: `flakyFailure` and `rerunFailure` beside `failure`.\n\n" +
			"It is ours and not the test runner's, so it is there when the runner was killed. Call it before the first suite runs and after each: " +
			"a suite without a verdict is written as an error, so that a run that broke off does not look like one that passed. " +
			"A test that both passed and failed counts as failed. A file that the user named in a parameter of kind path is written without a grant.",
		Params: []engine.Arg{
			{Name: "path", Type: "string", Doc: "The file; it is replaced as a whole."},
			{Name: "suites", Type: "list", Doc: "Values with `name`, `attempts` (what `pytest` returned, in order), `verdict` (a word, or \"\" while it is not known) and `says` (a sentence)."},
		},
		Returns: "string; why the file cannot be written; \"\" it was. None: a dry run",
		Errors:  "writing it was not granted",
		Example: `junit("report.xml", [struct(name = "tests/a.py", attempts = [a], verdict = a.outcome, says = "")])`,
		Effect:  engine.Write,
		Asks:    true,
		Func: func(call *engine.Call, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
			var path string
			var list starlark.Iterable
			if err := starlark.UnpackArgs(call.Name, args, kwargs, "path", &path, "suites", &list); err != nil {
				return nil, err
			}
			var suites []probe.JUnitSuite
			for v := range starlark.Elements(list) {
				s, err := suiteOf(v)
				if err != nil {
					return nil, fmt.Errorf("%s: suites[%d]: %w", call.Name, len(suites), err)
				}
				suites = append(suites, s)
			}
			what := event.View{Kind: "table", Title: "would be written", Nodes: []event.Node{{ID: path, Label: path}}}
			if path == "-" {
				return nil, engine.Misused("the JUnit report: - is no file: it is written anew after each suite; name one, such as report.xml")
			}
			if call.DryRun {
				call.Show(what)
				return starlark.None, nil
			}
			if call.Named(path) != engine.KindPath {
				if err := call.Confirm(engine.Write, what); err != nil {
					return nil, err
				}
			}
			if err := probe.WriteJUnit(path, suites); err != nil {
				return text(err.Error()), nil // tests are not stopped for it
			}
			return text(""), nil
		},
	}
}

// wholeSuite is the test that stands for what no single test is to blame for.
const wholeSuite = "(the whole suite)"

// suiteOf reads a value as the recipe built it.
func suiteOf(v starlark.Value) (probe.JUnitSuite, error) {
	o, ok := v.(starlark.HasAttrs)
	if !ok {
		return probe.JUnitSuite{}, fmt.Errorf("got %s, want a struct with name, attempts, verdict and says", v.Type())
	}
	s := probe.JUnitSuite{Name: textOf(o, "name")}
	if s.Name == "" {
		return s, fmt.Errorf("%s has no name", v.Type())
	}
	verdict := textOf(o, "verdict")
	cases := caseList{}
	for i, a := range itemsOf(o, "attempts") {
		attempt, ok := a.(starlark.HasAttrs)
		if !ok {
			return s, fmt.Errorf("attempts[%d]: got %s, want what pytest returned", i, a.Type())
		}
		cases.add(attempt)
		s.Duration += durationOf(attempt, "duration")
		s.Output = textOf(attempt, "output")
		for _, fact := range []string{"python", "version", "evidence"} {
			p := probe.JUnitProperty{Name: "runbook." + fact, Value: textOf(attempt, fact)}
			if p.Value != "" && !slices.Contains(s.Properties, p) {
				s.Properties = append(s.Properties, p)
			}
		}
	}
	if verdict == "" {
		cases.of(wholeSuite).attempt(probe.JUnitAttempt{Outcome: "unfinished", Message: "had not ended when this was written: the run was interrupted, or goes on"})
	} else {
		s.Properties = append(s.Properties, probe.JUnitProperty{Name: "runbook.verdict", Value: verdict})
		if says := textOf(o, "says"); says != "" {
			s.Properties = append(s.Properties, probe.JUnitProperty{Name: "runbook.says", Value: says})
		}
	}
	for _, c := range cases.inOrder {
		s.Cases = append(s.Cases, c.finish())
	}
	return s, nil
}

// caseList are the tests of a suite, in the order in which they were first met.
type caseList struct {
	inOrder []*testCase
	byID    map[string]*testCase
	passed  []probe.JUnitAttempt // attempts at the whole suite in which nothing went wrong
}

type testCase struct{ probe.JUnitCase }

func (l *caseList) of(id string) *testCase {
	if c := l.byID[id]; c != nil {
		return c
	}
	if l.byID == nil {
		l.byID = map[string]*testCase{}
	}
	c := &testCase{probe.JUnitCase{ID: id}}
	if id == wholeSuite {
		c.Attempts = slices.Clone(l.passed)
	}
	l.byID[id] = c
	l.inOrder = append(l.inOrder, c)
	return c
}

func (c *testCase) attempt(a probe.JUnitAttempt) { c.Attempts = append(c.Attempts, a) }

// finish names the kind of a test that was not the same each time.
func (c *testCase) finish() probe.JUnitCase {
	c.Flaky = "flaky"
	if slices.ContainsFunc(c.Attempts, func(a probe.JUnitAttempt) bool { return strings.HasSuffix(a.Outcome, "hang") }) {
		c.Flaky = "flaky-hang"
	}
	return c.JUnitCase
}

// add takes one run of the suite apart. What ended badly without a test that
// did, such as a hang while collecting, is the suite's own failure.
func (l *caseList) add(attempt starlark.HasAttrs) {
	outcome, output := textOf(attempt, "outcome"), textOf(attempt, "output")
	whole := probe.JUnitAttempt{Outcome: outcome, Phase: textOf(attempt, "phase"), Duration: durationOf(attempt, "duration"), Output: output}
	running := map[string]bool{}
	if whole.Bad() && outcome != "failed" {
		for _, v := range itemsOf(attempt, "running") {
			if id, ok := starlark.AsString(v); ok {
				running[id] = true
			}
		}
	}
	blamed := len(running) > 0
	for _, v := range itemsOf(attempt, "tests") {
		t, ok := v.(starlark.HasAttrs)
		if !ok {
			continue
		}
		one := probe.JUnitAttempt{Outcome: textOf(t, "outcome"), Phase: textOf(t, "phase"), Duration: durationOf(t, "duration"), Message: joinLines(textOf(t, "message"), textOf(t, "text"))}
		id := textOf(t, "id")
		if id == "" || running[id] {
			continue // it had a result for its setup, and then hung
		}
		blamed = blamed || one.Bad()
		for range countOf(t, "reruns") { // by a plugin, within this run of the suite
			l.of(id).attempt(probe.JUnitAttempt{Outcome: "failed", Message: one.Message})
		}
		l.of(id).attempt(one)
	}
	for _, v := range itemsOf(attempt, "running") {
		if id, _ := starlark.AsString(v); running[id] {
			one := whole
			one.Message = joinLines(fmt.Sprintf("%s: it was running when the suite came to its end after %s", outcome, whole.Duration.Round(100*time.Millisecond)), textOf(attempt, "reason"), evidenceIn(attempt))
			l.of(id).attempt(one)
		}
	}
	switch {
	case !whole.Bad():
		whole.Output = ""
		l.passed = append(l.passed, whole)
		if c := l.byID[wholeSuite]; c != nil {
			c.attempt(whole)
		}
	case !blamed:
		whole.Message = joinLines(fmt.Sprintf("%s: %s", outcome, cmp.Or(textOf(attempt, "reason"), "no single test is to blame")), evidenceIn(attempt))
		if leaks := itemsOf(attempt, "leaks"); len(leaks) > 0 {
			whole.Message += "\nleft behind: " + joinText(leaks)
		}
		l.of(wholeSuite).attempt(whole)
	}
}

func evidenceIn(attempt starlark.HasAttrs) string {
	if evidence := textOf(attempt, "evidence"); evidence != "" {
		return "what hung is kept in " + evidence
	}
	return ""
}

func joinLines(lines ...string) string {
	return strings.Join(slices.DeleteFunc(lines, func(s string) bool { return s == "" }), "\n")
}

func joinText(list []starlark.Value) string {
	var parts []string
	for _, v := range list {
		if o, ok := v.(starlark.HasAttrs); ok && textOf(o, "text") != "" {
			parts = append(parts, textOf(o, "text"))
			continue
		}
		if s, ok := starlark.AsString(v); ok {
			parts = append(parts, s)
		}
	}
	return strings.Join(parts, "; ")
}

// textOf, durationOf, countOf and itemsOf read an attribute of a value that a recipe
// made; what is not there, or None, or of another type, is empty.

func textOf(o starlark.HasAttrs, name string) string {
	v, _ := o.Attr(name)
	s, _ := v.(starlark.String)
	return string(s)
}

func durationOf(o starlark.HasAttrs, name string) time.Duration {
	v, _ := o.Attr(name)
	d, _ := v.(startime.Duration)
	return time.Duration(d)
}

func countOf(o starlark.HasAttrs, name string) int {
	v, _ := o.Attr(name)
	n, _ := v.(starlark.Int)
	count, _ := n.Int64()
	return int(max(0, min(count, 1000)))
}

func itemsOf(o starlark.HasAttrs, name string) []starlark.Value {
	v, _ := o.Attr(name)
	list, ok := v.(starlark.Iterable)
	if !ok {
		return nil
	}
	return slices.Collect(starlark.Elements(list))
}
