package sink

import (
	"slices"
	"strings"

	"github.com/charmbracelet/x/ansi"

	"runbook/engine/event"
	"runbook/engine/lazyregexp"
)

// column is one column of cells beside the labels of a tree or table.
type column struct {
	head  string
	width int  // of the widest cell, or head
	right bool // numbers stand to the right
}

const gap = 2 // columns between two columns

// columns measures the cells of v. Cells without a head, and heads without
// cells, are columns too.
func columns(v event.View) []column {
	n := len(v.Columns)
	for _, node := range v.Nodes {
		n = max(n, len(node.Cells))
	}
	out := make([]column, n)
	for i := range out {
		c := &out[i]
		if i < len(v.Columns) {
			c.head = v.Columns[i]
		}
		c.width = ansi.StringWidth(c.head)
		filled, numbers := 0, 0
		for _, node := range v.Nodes {
			if i < len(node.Cells) && node.Cells[i] != "" {
				c.width = max(c.width, ansi.StringWidth(node.Cells[i]))
				filled++
				if number(node.Cells[i]) {
					numbers++
				}
			}
		}
		c.right = filled > 0 && numbers == filled
	}
	return out
}

// number reports whether s reads as a quantity: 12, 45,815, 1.0s, 2h13m, 98%.
func number(s string) bool {
	digits := false
	for i, r := range s {
		switch {
		case r >= '0' && r <= '9':
			digits = true
		case r == '-' && i == 0, strings.ContainsRune(".,%", r):
		case r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r == 'µ':
			if !digits { // a word
				return false
			}
		default:
			return false
		}
	}
	return digits
}

// cell draws text in its column.
func (p *page) cell(c column, text string, in ink) []span {
	text = p.shorten(text, c.width)
	pad := spaces(c.width - ansi.StringWidth(text))
	if c.right {
		return []span{spaces(gap), pad, {text, in}}
	}
	return []span{spaces(gap), {text, in}, pad}
}

// cells draws one row of them, empty where the row is short.
func (p *page) cells(cols []column, cells []string, in ink) []span {
	var out []span
	for i, c := range cols {
		text := ""
		if i < len(cells) {
			text = cells[i]
		}
		out = append(out, p.cell(c, text, in)...)
	}
	return out
}

// room is what cols need, gaps included.
func room(cols []column) int {
	n := 0
	for _, c := range cols {
		n += gap + c.width
	}
	return n
}

// fit keeps the leading columns that find room, and shortens the last of these
// when a useful part of it fits.
func fit(cols []column, left int) []column {
	const useful = 12
	for i, c := range cols {
		if c.width+gap > left {
			if left >= useful+gap && c.width > useful && !c.right {
				c.width = left - gap
				return append(append([]column(nil), cols[:i]...), c)
			}
			return cols[:i]
		}
		left -= c.width + gap
	}
	return cols
}

// wrapping makes the last of cols, which is the one that matters, as narrow as left
// columns demand: it wraps. Where too little would be left of it, the first goes.
// It returns how many were left out at the front, and none where that does not
// help either.
func wrapping(cols []column, left int) (from int, out []column) {
	const useful = 20
	if room(cols) <= left {
		return 0, cols
	}
	last := len(cols) - 1
	for from = range min(2, len(cols)) {
		rest := left - room(cols[from:last]) - gap
		if c := cols[last]; rest >= min(useful, c.width) && !c.right {
			c.width = min(rest, c.width)
			return from, append(slices.Clone(cols[from:last]), c)
		}
	}
	return len(cols), nil
}

// maxWrapped is how many lines a cell of a table may take.
const maxWrapped = 3

// narrowed makes columns of text narrower, the widest first, until all find room
// in left columns of the page: their cells wrap, and no word is broken. It reports
// false, and returns cols as they were, where that does not help.
func narrowed(cols []column, v event.View, left int) (out []column, fits bool) {
	out = slices.Clone(cols)
	least := make([]int, len(cols))
	for i := range cols {
		least[i] = longestWord(v, i)
	}
	for over := room(cols) - left; over > 0; over-- {
		widest := -1
		for i, c := range out {
			if !c.right && c.width > least[i] && (widest < 0 || c.width > out[widest].width) {
				widest = i
			}
		}
		if widest < 0 {
			return cols, false
		}
		out[widest].width--
	}
	for _, n := range v.Nodes {
		if len(wrapped(out, n.Cells)) > maxWrapped {
			return cols, false
		}
	}
	return out, true
}

// longestWord is how wide column i must be for its head and the words of its cells.
func longestWord(v event.View, i int) int {
	n := 0
	if i < len(v.Columns) {
		n = ansi.StringWidth(v.Columns[i])
	}
	for _, node := range v.Nodes {
		if i < len(node.Cells) {
			for word := range strings.SplitSeq(held(node.Cells[i]), " ") {
				n = max(n, ansi.StringWidth(word))
			}
		}
	}
	return n
}

// held keeps a number and what it counts on one line: 3 passed, 1 failed.
func held(text string) string { return counted().ReplaceAllString(text, "${1}"+nbsp) }

var counted = lazyregexp.New(`\b([0-9]+) \b`)

// wrapped lays one row of cells into lines, one at least.
func wrapped(cols []column, cells []string) [][]string {
	lines := [][]string{make([]string, len(cols))}
	for i, text := range cells {
		if ansi.StringWidth(text) <= cols[i].width {
			lines[0][i] = text
			continue
		}
		for j, l := range wrap([]span{{held(text), plain}}, cols[i].width, 0) {
			if j == len(lines) {
				lines = append(lines, make([]string, len(cols)))
			}
			lines[j][i] = textOf(l)
		}
	}
	return lines
}

func heads(cols []column) []string {
	out := make([]string, len(cols))
	for i, c := range cols {
		out[i] = c.head
	}
	return out
}
