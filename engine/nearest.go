package engine

import "strings"

// Nearest returns the candidate that name was probably meant to be, or "" when
// none is near. Case, dashes and underscores count little, the first letter much:
// it is seldom what was mistyped.
func Nearest(name string, candidates []string) string {
	fold := func(s string) []rune {
		return []rune(strings.NewReplacer("_", "", "-", "").Replace(strings.ToLower(s)))
	}
	want := fold(name)
	best, least := "", min((len(want)+2)/3+1, len(want)) // a third of the letters may be wrong, and never all
	for _, c := range candidates {
		if c == "" || len(c) > 4*len(name)+8 {
			continue
		}
		have := fold(c)
		d := distance(want, have)
		if d > 1 && len(want) > 0 && len(have) > 0 && want[0] != have[0] {
			continue
		}
		if d < least {
			best, least = c, d
		}
	}
	return best
}

// distance is Damerau–Levenshtein with adjacent swaps only: a swap is the
// commonest typo and must not cost two.
func distance(a, b []rune) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
