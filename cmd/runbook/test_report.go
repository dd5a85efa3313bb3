package main

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/charmbracelet/x/ansi"

	"runbook/builtins/probe"
	"runbook/builtins/recipetest"
	"runbook/engine"
)

// testLines draws test results for people: a line for the tests of one recipe,
// then each failure with its reason.
type testLines struct {
	w       *bufio.Writer
	color   bool
	width   int
	verbose bool

	group string
	tally testTally
}

// testTally counts results.
type testTally struct {
	passed, failed, errors, updated int
	took                            time.Duration
}

func (t *testTally) add(r recipetest.Result) {
	switch r.Outcome {
	case recipetest.Passed:
		t.passed++
	case recipetest.Failed:
		t.failed++
	case recipetest.Updated:
		t.updated++
	default:
		t.errors++
	}
	t.took += r.Took
}

func (t *testTally) String() string {
	var parts []string
	for _, p := range []struct {
		n    int
		what string
	}{{t.failed, "failed"}, {t.errors, "with an error"}, {t.updated, "updated"}, {t.passed, "passed"}} {
		if p.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", p.n, p.what))
		}
	}
	return strings.Join(parts, ", ")
}

func newTestLines(out io.Writer, color bool, width int, verbose bool) *testLines {
	return &testLines{w: bufio.NewWriter(out), color: color, width: width, verbose: verbose}
}

// add is told the results of one file.
func (t *testLines) add(results []recipetest.Result) {
	for _, r := range results {
		group, _, _ := strings.Cut(r.Name, "/")
		if strings.HasPrefix(r.Name, "lib/") {
			group = "lib"
		}
		if group != t.group {
			t.endGroup()
			t.group = group
		}
		t.tally.add(r)
		if t.verbose {
			fmt.Fprintf(t.w, "%s %s  %s\n", t.mark(r.Bad()), printable(r.Name), t.dim(short(r.Took)))
		}
	}
	t.w.Flush()
}

func (t *testLines) endGroup() {
	if t.group != "" && !t.verbose {
		fmt.Fprintf(t.w, "%s %s  %s  %s\n", t.mark(t.tally.failed+t.tally.errors > 0), printable(t.group), t.tally.String(), t.dim(short(t.tally.took)))
	}
	t.tally = testTally{}
}

func (t *testLines) close(results []recipetest.Result, took time.Duration) {
	t.endGroup()
	var all testTally
	for _, r := range results {
		all.add(r)
		if r.Bad() {
			t.failure(r)
		}
	}
	line := fmt.Sprintf("%s · %s", all.String(), short(took))
	if all.failed+all.errors > 0 {
		line = t.paint(red, line)
	} else {
		line = t.paint(green, line)
	}
	fmt.Fprintf(t.w, "\n%s\n", line)
	t.w.Flush()
}

// failure shows one test: where it stands, why, and the lines that tell it.
func (t *testLines) failure(r recipetest.Result) {
	fmt.Fprintf(t.w, "\n%s %s\n", t.paint(red, strings.ToUpper(r.Outcome)), printable(r.Name))
	where := fmt.Sprintf("%s:%d", r.File, r.Line)
	message := printable(r.Message)
	if !strings.HasPrefix(message, r.File+":") { // which says it better
		message = where + ": " + message
	}
	for i, l := range wrap(message, max(t.width-2, 20)) {
		if i > 0 {
			l = "  " + l
		}
		fmt.Fprintf(t.w, "  %s\n", l)
	}
	for l := range strings.Lines(printable(r.Detail)) {
		l = strings.TrimRight(l, "\n")
		switch {
		case strings.HasPrefix(l, "-"):
			l = t.paint(red, l)
		case strings.HasPrefix(l, "+"):
			l = t.paint(green, l)
		case strings.HasPrefix(l, "@"):
			l = t.dim(l)
		}
		fmt.Fprintf(t.w, "  %s\n", l)
	}
	if r.Said != "" {
		fmt.Fprintf(t.w, "  it printed:\n")
		for l := range strings.Lines(printable(r.Said)) {
			fmt.Fprintf(t.w, "    %s\n", strings.TrimRight(l, "\n"))
		}
	}
}

const (
	red   = "31"
	green = "32"
	faint = "2"
)

func (t *testLines) paint(how, text string) string {
	if !t.color {
		return text
	}
	return "\x1b[" + how + "m" + text + "\x1b[0m"
}

func (t *testLines) dim(text string) string { return t.paint(faint, text) }

func (t *testLines) mark(bad bool) string {
	if bad {
		return t.paint(red, "✗")
	}
	return t.paint(green, "✓")
}

func short(d time.Duration) string {
	if d < time.Second {
		return fmt.Sprintf("%d ms", d.Milliseconds())
	}
	return fmt.Sprintf("%.1f s", d.Seconds())
}

// cover is a table of files: how many lines ran, and which did not, as far as
// there is room. The LCOV file has them all.
func (t *testLines) cover(files []engine.FileCover) {
	const head = "lines in steps and functions"
	wide := len(head)
	for _, f := range files {
		wide = max(wide, len(f.File))
	}
	fmt.Fprintf(t.w, "\n%-*s  %5s  %5s  %4s  not run\n", wide, head, "lines", "run", "")
	lines, run := 0, 0
	for _, f := range files {
		of, did, missing := countLines(f)
		if of == 0 {
			continue // names alone
		}
		lines, run = lines+of, run+did
		row := fmt.Sprintf("%-*s  %5d  %5d  %s  %s", wide, f.File, of, did, percent(did, of), ranges(missing))
		fmt.Fprintln(t.w, strings.TrimRight(ansi.Truncate(row, max(t.width, wide+24), "…"), " "))
	}
	fmt.Fprintf(t.w, "%-*s  %5d  %5d  %s\n", wide, "all", lines, run, percent(run, lines))
	t.w.Flush()
}

// testReport is the document of --json. Fields are never renamed.
type testReport struct {
	Schema  string              `json:"schema"`
	Outcome string              `json:"outcome"` // passed, failed
	Took    float64             `json:"seconds"`
	Counts  map[string]int      `json:"counts"`
	Tests   []recipetest.Result `json:"tests"`
	Cover   []engine.FileCover  `json:"coverage,omitempty"`
}

func newTestReport(results []recipetest.Result, cover []engine.FileCover, took time.Duration) testReport {
	r := testReport{Schema: "runbook/test/v1", Outcome: "passed", Took: took.Seconds(), Counts: map[string]int{}, Tests: results, Cover: cover}
	for _, one := range results {
		r.Counts[one.Outcome]++
		if one.Bad() {
			r.Outcome = "failed"
		}
	}
	return r
}

// writeTestJUnit writes a suite for each file of tests.
func writeTestJUnit(path string, results []recipetest.Result) error {
	byFile := map[string]*probe.JUnitSuite{}
	for _, r := range results {
		s := byFile[r.File]
		if s == nil {
			s = &probe.JUnitSuite{Name: r.File}
			byFile[r.File] = s
		}
		outcome := r.Outcome
		if outcome == recipetest.Updated {
			outcome = recipetest.Passed
		}
		_, test, ok := strings.Cut(r.Name, "/")
		if !ok {
			test = r.Name // the file as a whole
		}
		message := r.Message
		if r.Detail != "" {
			message += "\n" + r.Detail
		}
		s.Duration += r.Took
		s.Cases = append(s.Cases, probe.JUnitCase{ID: r.File + "::" + test, Attempts: []probe.JUnitAttempt{{Outcome: outcome, Duration: r.Took, Message: message, Output: r.Said}}})
	}
	var suites []probe.JUnitSuite
	for _, file := range slices.Sorted(maps.Keys(byFile)) {
		suites = append(suites, *byFile[file])
	}
	return probe.WriteJUnit(path, suites)
}
