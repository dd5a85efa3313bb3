package recipes_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"runbook/builtins"
	"runbook/engine"
	"runbook/engine/event"
	"runbook/recipes"
)

// What lib/odds.star says: an expression, and its value as a recipe that loads
// the file would print it.
func TestOddsInProse(t *testing.T) {
	var script strings.Builder
	script.WriteString(`"""# Odds"""

load("lib/odds.star", "clean_text", "compare", "limit_text", "p_text", "percent", "rate_text")

def said(base, change, most = 20):
    v = compare(base, change, most = most)
    return "%s%s: %s" % (v.verdict, "" if v.done else ", not done", v.text)

def look():
    """Say them"""
`)
	lines := strings.Split(strings.TrimSpace(oddsInProse), "\n")
	for _, line := range lines {
		expression, _, _ := strings.Cut(line, " → ")
		fmt.Fprintf(&script, "    note(\"odds\", str(%s))\n", strings.TrimSpace(expression))
	}
	script.WriteString("\nrecipe(summary = \"Odds.\", steps = [look])\n")
	lib := &engine.Library{
		Roots: []engine.Root{
			{Name: "test", FS: fstest.MapFS{"odds.star": {Data: []byte(script.String())}}, Trusted: true},
			{Name: "embedded", FS: recipes.FS, Embedded: true, Trusted: true},
		},
		Builtins: builtins.Table(builtins.Options{}),
	}
	recipe, err := lib.Find(context.Background(), "odds")
	if err != nil {
		t.Fatal(err)
	}
	var heard oddsTitles
	end, err := (&engine.Engine{}).Run(context.Background(), engine.Request{Recipe: recipe, Sink: &heard})
	if err != nil || engine.ExitCode(end, false) != 0 {
		t.Fatalf("%v, exit %d: %s", err, engine.ExitCode(end, false), heard.failed)
	}
	if len(heard.said) != len(lines) {
		t.Fatalf("%d lines gave %d answers", len(lines), len(heard.said))
	}
	for i, line := range lines {
		expression, want, _ := strings.Cut(line, " → ")
		if got := heard.said[i]; got != strings.TrimSpace(want) {
			t.Errorf("%s\n got: %s\nwant: %s", strings.TrimSpace(expression), got, strings.TrimSpace(want))
		}
	}
}

// oddsTitles is a sink that keeps what was said.
type oddsTitles struct {
	said   []string
	failed string
}

func (s *oddsTitles) Write(e event.Event) error {
	if e.Found != nil {
		s.said = append(s.said, e.Found.Title)
	}
	if e.StepFinished != nil && e.StepFinished.Status != event.StatusDone {
		s.failed = e.StepFinished.Reason
	}
	return nil
}

func (s *oddsTitles) Close() error { return nil }

const oddsInProse = `
percent(0.0) → 0 %
percent(0.33333) → 33 %
percent(0.0042) → 0.4 %
percent(0.0001) → < 0.1 %
percent(0.997) → 99.7 %
percent(0.99999) → > 99.9 %
percent(1.0) → 100 %
p_text(0.1) → p = 0.10
p_text(1.0) → p = 1.00
p_text(0.02857) → p = 0.029
p_text(0.0504) → p = 0.050
p_text(0.00001) → p < 0.001
rate_text(2, 6) → 2 of 6 (33 %, 95 % interval 10–70 %)
rate_text(0, 3) → 0 of 3 (0 %, 95 % interval 0–56 %)
rate_text(0, 0) → no runs
clean_text(1) → 1 clean run still allows 79 %
clean_text(3) → 3 clean runs still allow 56 %
clean_text(10) → 10 clean runs still allow 28 %
limit_text(3, 3) → 3 against 3 can never be significant: p = 0.10 at best
limit_text(4, 4) == "" → True
said((0, 5), (5, 5)) → regression: it fails more often with the change: baseline 0 of 5 (0 %, 95 % interval 0–43 %), change 5 of 5 (100 %, 95 % interval 57–100 %); p = 0.008
said(struct(failures = 4, runs = 20), struct(failures = 19, runs = 20)) → regression: it fails more often with the change; it fails at the baseline too, less often: baseline 4 of 20 (20 %, 95 % interval 8–42 %), change 19 of 20 (95 %, 95 % interval 76–99 %); p < 0.001
said((3, 3), (3, 3)) → pre-existing: it fails at the baseline already: baseline 3 of 3 (100 %, 95 % interval 44–100 %), change 3 of 3 (100 %, 95 % interval 44–100 %)
said((5, 5), (0, 5)) → pre-existing: it fails at the baseline already, and less often with the change: baseline 5 of 5 (100 %, 95 % interval 57–100 %), change 0 of 5 (0 %, 95 % interval 0–43 %); p = 0.008
said((2, 20), (0, 20)) → pre-existing: it fails at the baseline already, and was not seen to fail with the change: baseline 2 of 20 (10 %, 95 % interval 3–30 %), change 0 of 20 (0 %, 95 % interval 0–16 %); p = 0.49
said((9, 20), (11, 20)) → both-flaky: it fails on both sides, and no difference was shown: baseline 9 of 20 (45 %, 95 % interval 26–66 %), change 11 of 20 (55 %, 95 % interval 34–74 %); p = 0.75
said((0, 3), (3, 3), most = 3) → cannot-tell: no difference was shown: baseline 0 of 3 (0 %, 95 % interval 0–56 %), change 3 of 3 (100 %, 95 % interval 44–100 %); p = 0.10; 3 against 3 can never be significant: p = 0.10 at best; 1 more run needed on each side, if it goes on like this
said((0, 3), (3, 3)) → cannot-tell, not done: can't tell yet: baseline 0 of 3 (0 %, 95 % interval 0–56 %), change 3 of 3 (100 %, 95 % interval 44–100 %); p = 0.10; 3 against 3 can never be significant: p = 0.10 at best; 2 more runs needed on each side, if it goes on like this
said((0, 1), (1, 1)) → cannot-tell, not done: can't tell yet: baseline 0 of 1 (0 %, 95 % interval 0–79 %), change 1 of 1 (100 %, 95 % interval 21–100 %); p = 1.00; 1 against 1 can never be significant: p = 1.00 at best; 4 more runs needed on each side, if it goes on like this
said((0, 7), (0, 7)) → cannot-tell: it did not fail on either side: baseline 0 of 7 (0 %, 95 % interval 0–35 %), change 0 of 7 (0 %, 95 % interval 0–35 %); 7 clean runs still allow 35 %
said((1, 2), (1, 2)) → cannot-tell, not done: can't tell yet: baseline 1 of 2 (50 %, 95 % interval 9–91 %), change 1 of 2 (50 %, 95 % interval 9–91 %); p = 1.00; 2 against 2 can never be significant: p = 0.33 at best; at these rates no number of runs would show one
said((0, 0), (0, 0)) → cannot-tell, not done: it did not fail on either side: baseline no runs, change no runs
`
