package sink

import (
	"github.com/charmbracelet/x/ansi"

	"runbook/engine/event"
)

// table draws rows under aligned heads. Facts are never cut: when the table
// does not fit, each row becomes a list of its cells.
func (p *page) table(v event.View, marks map[string]mark) {
	p.title(v)
	cols, label := columns(v), 0
	for _, n := range v.Nodes {
		label = max(label, min(ansi.StringWidth(n.Label), maxLabel))
	}
	total := room(cols)
	if label+total > p.width {
		p.list(v, cols, marks)
		return
	}
	if len(v.Columns) > 0 {
		p.line(append([]span{spaces(label)}, p.cells(cols, heads(cols), dim)...)...)
	}
	for _, n := range v.Nodes {
		m, name := marks[n.ID], p.label(n.Label, label)
		row := append([]span{{name, m.labelInk()}, spaces(label - ansi.StringWidth(name))}, p.cells(cols, n.Cells, plain)...)
		if m.text != "" {
			if label+total+gap+ansi.StringWidth(m.text) > p.width {
				p.line(row...)
				row = []span{spaces(2), {m.text, m.ink}}
			} else {
				row = append(row, spaces(gap), span{m.text, m.ink})
			}
		}
		p.line(row...)
	}
}

// list draws a table that is too wide: a label, then its cells by name.
func (p *page) list(v event.View, cols []column, marks map[string]mark) {
	for _, n := range v.Nodes {
		m := marks[n.ID]
		p.flow(0, 2, []span{{p.label(n.Label, maxLabel), m.labelInk()}, spaces(1), {m.text, m.ink}}, p.width)
		for i, text := range n.Cells {
			if text == "" {
				continue
			}
			in := 2
			if n.Label == "" {
				in = 0
			}
			head := cols[i].head
			if head != "" {
				head += " "
			}
			p.flow(in, in+2, []span{{head, dim}, {p.brief(text, 3), plain}}, p.width)
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
