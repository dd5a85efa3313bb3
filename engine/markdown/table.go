package markdown

import (
	"strings"

	"runbook/engine/lazyregexp"
)

// part is a stretch of a text: a table, or what lies between two.
type part struct {
	text  string
	table *table // nil when it is not one
}

// table is a table of GitHub's markdown. Cells are markdown.
type table struct {
	heads []string
	rows  [][]string
}

var delimiter = lazyregexp.New(`^\s{0,3}\|?\s*:?-+:?\s*(\|\s*:?-+:?\s*)*\|?\s*$`)

// split cuts a text at its tables. Tables within lists or quotes stay where
// they are, and fences hide what looks like one.
func split(md string) []part {
	var parts []part
	var text []string
	flush := func() {
		if len(text) > 0 {
			parts = append(parts, part{text: strings.Join(text, "\n")})
			text = nil
		}
	}
	lines := strings.Split(md, "\n")
	fence := ""
	for i := 0; i < len(lines); i++ {
		l := lines[i]
		trimmed := strings.TrimSpace(l)
		if fence != "" {
			if strings.HasPrefix(trimmed, fence) {
				fence = ""
			}
			text = append(text, l)
			continue
		}
		if strings.HasPrefix(trimmed, "```") || strings.HasPrefix(trimmed, "~~~") {
			fence = trimmed[:3]
		}
		if fence == "" && isRow(l) && i+1 < len(lines) && strings.Contains(lines[i+1], "|") && delimiter().MatchString(lines[i+1]) &&
			len(cells(l)) == len(cells(lines[i+1])) {
			t := &table{heads: cells(l)}
			from := i
			for i += 2; i < len(lines) && isRow(lines[i]); i++ {
				row := cells(lines[i])
				for len(row) < len(t.heads) {
					row = append(row, "")
				}
				t.rows = append(t.rows, row[:len(t.heads)])
			}
			flush()
			parts = append(parts, part{text: strings.Join(lines[from:i], "\n"), table: t})
			i--
			continue
		}
		text = append(text, l)
	}
	flush()
	return parts
}

func isRow(l string) bool {
	return strings.Contains(l, "|") && !strings.HasPrefix(l, "    ") && !strings.HasPrefix(l, "\t") && !strings.HasPrefix(strings.TrimSpace(l), ">")
}

// cells splits a row at the bars that are not escaped.
func cells(l string) []string {
	l = strings.TrimSpace(l)
	l = strings.TrimPrefix(l, "|")
	var out []string
	var cell strings.Builder
	for i := 0; i < len(l); i++ {
		switch {
		case l[i] == '\\' && i+1 < len(l) && l[i+1] == '|':
			cell.WriteByte('|')
			i++
		case l[i] == '|':
			out = append(out, strings.TrimSpace(cell.String()))
			cell.Reset()
		default:
			cell.WriteByte(l[i])
		}
	}
	if rest := strings.TrimSpace(cell.String()); rest != "" || !strings.HasSuffix(l, "|") {
		out = append(out, rest)
	}
	return out
}

// list says the table row by row, for pages that are too narrow for it: the
// first cell names the row.
func (t *table) list() string {
	var b strings.Builder
	for _, row := range t.rows {
		name := row[0]
		if name == "" {
			name = "-"
		}
		if !strings.ContainsAny(name, "*_") {
			name = "**" + name + "**"
		}
		b.WriteString("- " + name)
		rest := row[1:]
		if last := len(t.heads) - 1; last > 1 && t.heads[last] == "" {
			// The last column has no name because it explains the row.
			b.WriteString(explained(rest) + "\n")
			continue
		}
		if len(rest) == 1 && rest[0] != "" {
			b.WriteString(": " + rest[0])
			rest = nil
		}
		b.WriteByte('\n')
		for i, cell := range rest {
			if cell != "" {
				b.WriteString("  - " + titled(t.heads[i+1], cell) + "\n")
			}
		}
	}
	return b.String()
}

// explained says the cells of a row in one line: " (int): the process".
func explained(cells []string) string {
	var facts []string
	for _, c := range cells[:len(cells)-1] {
		if c != "" {
			facts = append(facts, c)
		}
	}
	text := ""
	if len(facts) > 0 {
		text = " (" + strings.Join(facts, ", ") + ")"
	}
	if why := cells[len(cells)-1]; why != "" {
		text += ": " + why
	}
	return text
}

func titled(head, cell string) string {
	if head == "" {
		return cell
	}
	return head + ": " + cell
}
