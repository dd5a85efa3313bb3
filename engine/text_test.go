package engine

import (
	"testing"
	"time"
	"unicode/utf8"
)

func TestSpan(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0:                           "0s",
		900 * time.Nanosecond:       "0.0009ms",
		744488 * time.Nanosecond:    "0.7ms",
		999999 * time.Nanosecond:    "1ms",
		250 * time.Millisecond:      "250ms",
		999499 * time.Microsecond:   "999ms",
		999500 * time.Microsecond:   "1.0s",
		time.Second:                 "1.0s",
		59949 * time.Millisecond:    "59.9s",
		59950 * time.Millisecond:    "1m00s",
		723 * time.Second:           "12m03s",
		3599600 * time.Millisecond:  "1h00m",
		3*time.Hour + 2*time.Minute: "3h02m",
		51 * time.Hour:              "2d03h",
		-time.Second:                "-1.0s",
	} {
		if got := span(d); got != want {
			t.Errorf("span(%v) = %s, want %s", d, got, want)
		}
	}
}

func TestGrouped(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", -1000: "-1,000", -999: "-999", 45815: "45,815", -1 << 63: "-9,223,372,036,854,775,808"} {
		if got := grouped(n); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
}

func TestNearest(t *testing.T) {
	names := []string{"older_than", "match", "pid", "over", "wedged-actor"}
	for name, want := range map[string]string{
		"older-then": "older_than", "OVER": "over", "mathc": "match", "pdi": "pid", "wedgedactor": "wedged-actor", "x": "", "": "", "something": "",
		"pver": "over", "mid": "pid", "ever_it": "", "latch": "match", "batches": "", // with another first letter, one is all that may be wrong
	} {
		if got := Nearest(name, names); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
	if got := Nearest("q", []string{"r"}); got != "" {
		t.Errorf("q: %q shares no letter with it", got)
	}
}

// The interpreter guesses str for attr, and True for rule.
func TestAGuessSharesItsLetters(t *testing.T) {
	for msg, want := range map[string][2]string{
		"undefined: attr (did you mean str?)":                        {"undefined: attr", ""},
		"undefined: rule (did you mean True?)":                       {"undefined: rule", ""},
		"undefined: notee (did you mean note?)":                      {"undefined: notee", "did you mean note?"},
		"process has no .nmae field or method (did you mean .name?)": {"process has no .nmae field or method", "did you mean .name?"},
		"process has no .path field or method (did you mean .pid?)":  {"process has no .path field or method", ""},
		"no parameter older-then (did you mean older_than?)":         {"no parameter older-then", "did you mean older_than?"},
		"a message without one":                                      {"a message without one", ""},
	} {
		if text, hint := splitHint(msg); text != want[0] || hint != want[1] {
			t.Errorf("%s: %q, %q", msg, text, hint)
		}
	}
}

func TestByHand(t *testing.T) {
	guidance := "Text.\n\n```sh\nps -ef\nkill 7\n```\n\n```python\nno\n```\n\n- item:\n\n  ```console\n  $ ss\n  ```\n"
	if got, want := byHand(guidance), "ps -ef\nkill 7\n  $ ss"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func FuzzCleanText(f *testing.F) {
	for _, s := range []string{"plain", "a\x1b[31mb", "\xff\xfe", "tab\tline\n", "\u202eevil", "\u009b31m", "漢字", "\u2066x\u2069"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		c := cleanText(s)
		if !isClean(c) || !utf8.ValidString(c) {
			t.Errorf("%q became %q", s, c)
		}
		if isClean(s) && c != s {
			t.Errorf("clean %q was changed to %q", s, c)
		}
		if utf8.RuneCountInString(c) != utf8.RuneCountInString(s) {
			t.Errorf("%q became %q: another length", s, c)
		}
	})
}

func FuzzDocs(f *testing.F) {
	f.Add("Title\n\n    a\n      b\n")
	f.Add("\n\t \n  x\n y")
	f.Fuzz(func(_ *testing.T, doc string) {
		title, guidance := splitDoc(doc)
		_ = byHand(guidance)
		_ = heading(cleanDoc(doc)) + title
	})
}
