package recipetest

import (
	"fmt"
	"strings"
)

// anything is a line of what is expected that stands for any lines.
const anything = "..."

// matches reports whether a text is as expected.
func matches(want, got string) bool {
	if want == got {
		return true
	}
	return match(lines(want), lines(got))
}

// match goes back to the last line "..." when it is stuck, which is enough: an
// earlier one could only have taken fewer lines.
func match(want, got []string) bool {
	i, j, star, from := 0, 0, -1, 0
	for j < len(got) {
		switch {
		case i < len(want) && want[i] == anything:
			star, from = i, j
			i++
		case i < len(want) && want[i] == got[j]:
			i, j = i+1, j+1
		case star >= 0:
			from++
			i, j = star+1, from
		default:
			return false
		}
	}
	for i < len(want) && want[i] == anything {
		i++
	}
	return i == len(want)
}

func lines(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(strings.TrimSuffix(text, "\n"), "\n")
}

// edit is one line of a diff: ' ' in both, '-' expected, '+' came.
type edit struct {
	mark byte
	text string
}

// diff shows in which lines two texts differ, with some around them.
func diff(want, got string) string {
	edits := allowed(compare(lines(want), lines(got)))
	near := make([]bool, len(edits))
	for i, e := range edits {
		if e.mark == ' ' {
			continue
		}
		for j := max(i-around, 0); j <= min(i+around, len(edits)-1); j++ {
			near[j] = true
		}
	}
	var b strings.Builder
	for i, e := range edits {
		switch {
		case near[i]:
			fmt.Fprintf(&b, "%c %s\n", e.mark, e.text)
		case i == 0 || near[i-1]:
			b.WriteString("@ …\n")
		}
	}
	return b.String()
}

const around = 3

// allowed leaves out what a line "..." stands for.
func allowed(edits []edit) []edit {
	var out []edit
	for i := 0; i < len(edits); {
		if edits[i].mark == ' ' {
			out = append(out, edits[i])
			i++
			continue
		}
		end, any := i, false
		for ; end < len(edits) && edits[end].mark != ' '; end++ {
			any = any || edits[end] == edit{'-', anything}
		}
		for _, e := range edits[i:end] {
			if !any || e.mark == '-' && e.text != anything {
				out = append(out, e)
			}
		}
		i = end
	}
	return out
}

// compare aligns two lists by their longest common part. Texts here are short.
func compare(want, got []string) []edit {
	common := make([][]int, len(want)+1)
	for i := range common {
		common[i] = make([]int, len(got)+1)
	}
	for i := len(want) - 1; i >= 0; i-- {
		for j := len(got) - 1; j >= 0; j-- {
			if want[i] == got[j] {
				common[i][j] = common[i+1][j+1] + 1
			} else {
				common[i][j] = max(common[i+1][j], common[i][j+1])
			}
		}
	}
	var out []edit
	i, j := 0, 0
	for i < len(want) || j < len(got) {
		switch {
		case i < len(want) && j < len(got) && want[i] == got[j]:
			out = append(out, edit{' ', want[i]})
			i, j = i+1, j+1
		case i < len(want) && (j == len(got) || common[i+1][j] >= common[i][j+1]):
			out = append(out, edit{'-', want[i]})
			i++
		default:
			out = append(out, edit{'+', got[j]})
			j++
		}
	}
	return out
}
