package sink

import (
	"github.com/charmbracelet/x/ansi"

	"runbook/engine/event"
)

// table draws rows under aligned heads. Facts are never cut: where a row does not
// fit, its texts wrap in their columns, and when that does not help either, each row
// becomes a list of its cells.
func (p *page) table(v event.View, marks map[string]mark) {
	p.title(v)
	label := 0
	for _, n := range v.Nodes {
		label = max(label, min(ansi.StringWidth(n.Label), maxLabel))
	}
	cols, fits := narrowed(columns(v), v, p.width-label)
	if !fits {
		p.list(v, cols, marks)
		return
	}
	total := room(cols)
	if len(v.Columns) > 0 {
		p.line(append([]span{spaces(label)}, p.cells(cols, heads(cols), dim)...)...)
	}
	for _, n := range v.Nodes {
		m, name := marks[n.ID], p.label(n.Label, label)
		lines := wrapped(cols, n.Cells)
		row := append([]span{{name, m.labelInk()}, spaces(label - ansi.StringWidth(name))}, p.cells(cols, lines[0], plain)...)
		if m.text != "" && len(lines) == 1 && label+total+gap+ansi.StringWidth(m.text) <= p.width {
			p.line(append(row, spaces(gap), span{m.text, m.ink})...)
			continue
		}
		p.line(row...)
		for _, more := range lines[1:] {
			p.line(append([]span{spaces(label)}, p.cells(cols, more, plain)...)...)
		}
		if m.text != "" {
			p.line(spaces(2), span{m.text, m.ink})
		}
	}
}

// list draws a table that is too wide: a label, then its cells by name. Of a row
// without a label the first cell stands for it.
func (p *page) list(v event.View, cols []column, marks map[string]mark) {
	for _, n := range v.Nodes {
		m := marks[n.ID]
		in := 2
		if n.Label != "" || m.text != "" {
			p.flow(0, 2, []span{{p.label(n.Label, maxLabel), m.labelInk()}, spaces(1), {m.text, m.ink}}, p.width)
		}
		for i, text := range n.Cells {
			if text == "" {
				continue
			}
			head := cols[i].head
			if head != "" {
				head += " "
			}
			p.flow(in, in+2, []span{{head, dim}, {p.brief(text, 3), plain}}, p.width)
			if n.Label == "" {
				in = 4
			}
		}
	}
}

// title draws the title of a view.
func (p *page) title(v event.View) {
	p.blank()
	if v.Title != "" {
		p.flow(0, 2, []span{{p.shorten(v.Title, maxTitle), bold}}, p.width)
	}
}
