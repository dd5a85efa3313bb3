package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A test that fails, and passes when the real pytest-rerunfailures runs it again,
// is never called passed: neither in the findings, nor by the exit code, nor in the
// report. 2026-11-28: pytest says "passed" to it, and 0, and so did we.
func TestPytestRerunIsNoPass(t *testing.T) {
	t.Parallel()
	g := newGateStage(t, "rerun")
	for _, c := range []struct {
		test  string
		args  []string // of pytest
		code  int
		says  string // of a test: verdict and rule, each
		junit string
	}{
		{"test_call", []string{"--reruns", "2"}, 1, "fault flaky", "<flakyFailure"},
		{"test_call", []string{"--reruns", "2", "-n", "2"}, 1, "fault flaky", "<flakyFailure"},
		{"test_setup", []string{"--reruns", "1"}, 1, "fault flaky", "<flakyFailure"},
		{"test_never", []string{"--reruns", "1"}, 1, "fault failed", "<failure"},
		{"test_steady", []string{"--reruns", "2"}, 0, "note passed", ""},
	} {
		name := fmt.Sprint(c.test, c.args)
		counters := t.TempDir()
		if g.as != nil {
			if err := os.Chown(counters, int(g.as.Uid), int(g.as.Gid)); err != nil {
				t.Fatal(err)
			}
		}
		report := filepath.Join(counters, "junit.xml")
		args := append([]string{"run", "hang-proof-tests", "--allow", "run", "--no-record", "--json", "--python", g.venvPython, "--junit", report,
			filepath.Join(g.project, "test_rerun.py") + "::" + c.test, "--"}, c.args...)
		out, errs, code, err := g.run([]string{"COUNTERS=" + counters}, args...)
		if err != nil || code != c.code {
			t.Errorf("%s: exit code %d, want %d, %v\n%s%s", name, code, c.code, err, out, errs)
			continue
		}
		doc, err := readReport(out)
		if err != nil {
			t.Fatalf("%s: %v\n%s", name, err, out)
		}
		var says []string
		for _, f := range doc.Findings {
			if f.About != nil && f.About.Type == "test" {
				says = append(says, string(f.Verdict)+" "+strings.TrimPrefix(f.Rule, "hang-proof-tests/"))
			}
		}
		if got := strings.Join(says, ", "); got != c.says {
			t.Errorf("%s: said %q, want %q\n%s", name, got, c.says, out)
		}
		text, err := os.ReadFile(report)
		if err != nil || !strings.Contains(string(text), c.junit) || c.code == 0 && strings.Contains(string(text), "ailure ") {
			t.Errorf("%s: the report, %v, want %q\n%s", name, err, c.junit, text)
		}
	}
}
