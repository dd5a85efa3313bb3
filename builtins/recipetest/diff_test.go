package recipetest

import (
	"strings"
	"testing"
)

func TestMatches(t *testing.T) {
	for _, test := range []struct {
		want, got string
		matches   bool
	}{
		{"", "", true},
		{"a\n", "a\n", true},
		{"a\n", "b\n", false},
		{"a\n", "a\nb\n", false},
		{"...\n", "", true},
		{"...\n", "a\nb\n", true},
		{"a\n...\nd\n", "a\nb\nc\nd\n", true},
		{"a\n...\nd\n", "a\nd\n", true},
		{"a\n...\nd\n", "a\nd\ne\n", false},
		{"...\nb\n...\nb\n", "a\nb\nc\nb\n", true},
		{"...\nb\n...\nb\n", "a\nb\nc\n", false},
		{"a ...\n", "a b\n", false}, // a whole line only
	} {
		if got := matches(test.want, test.got); got != test.matches {
			t.Errorf("%q, %q: %t", test.want, test.got, got)
		}
	}
}

func TestDiffShowsWhatDiffersAndSomeAround(t *testing.T) {
	want := "1\n2\n3\n4\n5\n6\n7\n8\n9\n"
	if got, is := diff(want, "1\n2\n3\n4\n5\nsix\n7\n8\n9\n"), "@ …\n  3\n  4\n  5\n- 6\n+ six\n  7\n  8\n  9\n"; got != is {
		t.Errorf("got\n%s", got)
	}
	if got, is := diff("1\n...\n9\n", "1\n2\n3\n8\n"), "  1\n- 9\n"; got != is {
		t.Errorf("got\n%s", got)
	}
}

// Both texts can be read off an alignment.
func FuzzCompare(f *testing.F) {
	f.Add("a\nb\nc", "a\nc\nd")
	f.Add("", "x")
	f.Fuzz(func(t *testing.T, a, b string) {
		if len(a)+len(b) > 2000 {
			return
		}
		var left, right []string
		for _, e := range compare(lines(a), lines(b)) {
			if e.mark != '+' {
				left = append(left, e.text)
			}
			if e.mark != '-' {
				right = append(right, e.text)
			}
		}
		if strings.Join(left, "\n") != strings.Join(lines(a), "\n") || strings.Join(right, "\n") != strings.Join(lines(b), "\n") {
			t.Errorf("%q, %q: %q, %q", a, b, left, right)
		}
	})
}
