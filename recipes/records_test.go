package recipes_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"runbook/builtins"
	"runbook/engine"
	"runbook/recipes"
)

// times makes n records of a log, each from a format of its number, where %d
// stands.
func times(n int, lines ...string) string {
	var b strings.Builder
	for i := range n {
		for _, l := range lines {
			fmt.Fprintln(&b, strings.ReplaceAll(strings.ReplaceAll(l, "%w", strings.Repeat("x", i+1)), "%d", fmt.Sprintf("%02d", i)))
		}
	}
	return b.String()
}

func TestRecordsOfALog(t *testing.T) {
	const head = "2026-11-22 10:00:%d,123 INFO a.b: "
	const alpha = "Nov 22 10:00:%d (alpha[42], trio.run) [INFO] a.b c.py:1 "
	const beta = "Nov 22 10:00:%d (beta[43], trio.run) [INFO] a.b c.py:1 "
	trace := "Traceback (most recent call last):\n  File \"x.py\", line 1, in f\n    raise E\nValueError: no\n\nDuring handling of the above exception, another exception occurred:\n\nTraceback (most recent call last):\n  File \"x.py\"\ntrio.BrokenResourceError\n"
	for _, c := range []struct{ name, log, want string }{
		{"each once", times(8, head+"hello %w"), "rule_out repeated"},
		{"each twice, one format", times(8, head+"hello %w", head+"hello %w"), "fault repeated twice"},
		{"each twice, two formats", times(8, head+"hello %w", "INFO:a.b:hello %w"), "fault repeated twice"},
		{"each twice, the other without a format", times(8, head+"hello %w", "hello %w"), "fault repeated twice"},
		{"each three times", times(8, head+"hello %w", "INFO:a.b:hello %w", head+"hello %w"), "fault repeated three times"},
		{"twice from the middle on", times(8, head+"first %w") + times(8, head+"hello %w", head+"hello %w"), "fault repeated twice"},
		{"one actor of two", times(8, alpha+"hello %w", alpha+"hello %w", beta+"good bye %w"), "fault repeated twice; rule_out repeated"},
		{"the same is said now and then", times(8, head+"hello %w") + times(3, head+"still here") + times(8, head+"hello %wy"), "rule_out repeated"},
		{"each twice, in one wording", times(8, head+"tick %d", head+"tick %d"), "fault repeated twice"},
		{"each twice, and always the same", times(8, head+"beat", head+"beat"), "unknown alike twice"},
		{"a heartbeat within a second", times(8, head+"hello %w") + times(2, "2026-11-22 10:00:09 INFO a.b: beat"), "rule_out repeated"},
		{"tracebacks", times(8, head+"hello %w") + times(1, head+"failed") + trace + times(4, head+"hello %w"), "rule_out repeated"},
		{"lines that go on", times(8, head+"tree:\n  |_a\n  |_b\n}"), "rule_out repeated"},
		{"a banner", "Welcome to the program\nversion 3\n" + times(60, head+"hello %w"), "note bare"},
		{"bare, and known elsewhere", times(8, head+"hello %w") + "hello xxx\nhello xxxx\nhello xxxxx\n", "fault bare"},
		{"bare, and known nowhere", times(8, head+"hello %w", "warning of %wy"), "warn bare"},
		{"no header at all", times(8, "hello %w"), "unknown no-headers"},
		{"JSON lines, each twice", times(8, `{"ts": "2026-11-22T10:00:%dZ", "level": "info", "actor": "alpha", "msg": "hello %w"}`, `{"ts": "2026-11-22T10:00:%dZ", "level": "info", "actor": "alpha", "msg": "hello %w"}`), "fault repeated twice"},
		{"logging complains", times(4, head+"hello %w") + "--- Logging error ---\nTraceback (most recent call last):\n  File \"x\"\nKeyError: 'actor_name'\nCall stack:\n  File \"y\"\nMessage: 'x'\nArguments: ()\n" + times(4, head+"hello %w"), "note known-as; rule_out repeated"},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "x.log")
			if err := os.WriteFile(path, []byte(c.log), 0o600); err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(c.want, recordFindings(t, path)); d != "" {
				t.Errorf("(-want +got):\n%s\n%s", d, c.log)
			}
		})
	}
}

func recordFindings(t *testing.T, path string) string {
	t.Helper()
	here := fstest.MapFS{"r.star": {Data: []byte(`"""# R"""

load("lib/records.star", "say_records")

def read_all(logs):
    """Read"""
    say_records(logs)

recipe(summary = "R.", params = {"logs": param.list("Logs.")}, steps = [read_all])
`)}}
	lib := &engine.Library{Roots: []engine.Root{{Name: "test", FS: here, Trusted: true}, {Name: "embedded", FS: recipes.FS, Embedded: true, Trusted: true}}, Builtins: builtins.Table(builtins.Options{})}
	recipe, err := lib.Find(context.Background(), "r")
	if err != nil {
		t.Fatal(err)
	}
	n := &findingsOf{}
	if _, err := (&engine.Engine{}).Run(context.Background(), engine.Request{Recipe: recipe, Params: map[string][]string{"logs": {path}}, Sink: n}); err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, f := range n.found {
		said := fmt.Sprintf("%s %s", f.Verdict, strings.TrimPrefix(f.Rule, "r/"))
		for _, word := range []string{"twice", "three times"} {
			if strings.Contains(f.Title, " are there "+word+",") {
				said += " " + word
			}
		}
		if f.Verdict == "failed" {
			said += f.Title
		}
		out = append(out, said)
	}
	return strings.Join(out, "; ")
}
