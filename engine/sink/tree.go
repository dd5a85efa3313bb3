package sink

import (
	"slices"
	"strings"

	"github.com/charmbracelet/x/ansi"

	"runbook/engine/event"
)

// branch is one node of a tree with what stands before it.
type branch struct {
	event.Node
	lead string // the rails and the knot before its label
	cont string // the rails under it, for a mark that needs its own line
	skip int    // instead of a node: so many quiet siblings
}

const (
	maxNested = 500 // what lies deeper is drawn as further roots: a hostile record may be a million deep
	maxQuiet  = 60  // so many unmarked leaves in a row are drawn
	quietHead = 20  // of a longer row, so many
)

// tree draws who is whose child. The culprit stands out. Where a page is too
// narrow for the facts beside the names, they stand under them.
func (p *page) tree(v event.View, marks map[string]mark) {
	p.title(v)
	rows := p.branches(v.Nodes, marks)
	label, marked := 0, 0
	for _, r := range rows {
		label = max(label, ansi.StringWidth(r.lead)+min(ansi.StringWidth(r.Label), maxLabel))
		if m := marks[r.ID]; m.text != "" {
			marked = max(marked, gap+ansi.StringWidth(m.text))
		}
	}
	label = min(label, max(p.width*2/3, 16))
	all := columns(v)
	// Facts come before marks: where there is no room for all of both, a mark
	// finds its place in its own row, or under it.
	from, cols := wrapping(all, p.width-label)
	if len(cols) == 0 {
		label = p.width
	}
	aligned := label+room(all)+marked <= p.width
	if len(v.Columns) > 0 && len(cols) > 0 {
		p.line(append([]span{spaces(label)}, p.cells(cols, heads(cols), dim)...)...)
	}
	for _, r := range rows {
		if r.skip > 0 {
			p.line(span{r.lead + p.dots + " " + decimal(r.skip) + " more, nothing said of them", dim})
			continue
		}
		m := marks[r.ID]
		name := p.label(r.Label, label-ansi.StringWidth(r.lead))
		pad := label - ansi.StringWidth(r.lead) - ansi.StringWidth(name)
		first, more := p.facts(cols, r.Cells[min(from, len(r.Cells)):])
		row := append([]span{{r.lead, dim}, {name, m.labelInk()}, spaces(pad)}, first...)
		if !aligned {
			row = trimmed(row)
		}
		inRow := m.text != "" && len(more) == 0 && (len(cols) > 0 || len(all) == 0) &&
			widthOf(row)+gap+ansi.StringWidth(m.text) <= p.width
		if inRow {
			row = append(row, spaces(gap), span{m.text, m.ink})
		}
		p.line(row...)
		for _, text := range more {
			p.line(span{r.cont, dim}, spaces(label+room(cols)-cols[len(cols)-1].width-ansi.StringWidth(r.cont)), span{text, plain})
		}
		if len(cols) == 0 {
			p.under(r, span{p.joined(r.Cells), plain})
		}
		if !inRow {
			p.under(r, span{m.text, m.ink})
		}
	}
}

// maxFact is how many lines one fact of a tree takes, without -v.
const maxFact = 4

// facts lays the cells of one node beside it: the first line of them, and what
// more of the last there is.
func (p *page) facts(cols []column, cells []string) (first []span, more []string) {
	n := len(cols)
	if n > 0 && n <= len(cells) && ansi.StringWidth(cells[n-1]) > cols[n-1].width {
		text := cells[n-1]
		if p.verbose == 0 {
			text = p.shorten(text, maxFact*cols[n-1].width)
		}
		cells = slices.Clone(cells[:n-1])
		for i, l := range wrap([]span{{text, plain}}, cols[n-1].width, 0) {
			if i == 0 {
				cells = append(cells, textOf(l))
			} else {
				more = append(more, textOf(l))
			}
		}
	}
	return p.cells(cols, cells, plain), more
}

// joined is all that is known of a node in one text.
func (p *page) joined(cells []string) string {
	var out []string
	for _, c := range cells {
		if c != "" {
			out = append(out, c)
		}
	}
	return p.brief(strings.Join(out, " "+p.dot+" "), maxFact)
}

// under draws a text below a node, past the rails that go on there.
func (p *page) under(r branch, text span) {
	if text.text == "" {
		return
	}
	for _, l := range wrap([]span{text}, p.width-ansi.StringWidth(r.cont), 0) {
		p.line(append([]span{{r.cont, dim}}, l...)...)
	}
}

// branches puts the nodes into the order of drawing. Nodes whose parent is not
// there are roots, and so are those of a ring, which only a broken or hostile
// stream has: nothing is drawn twice, and nothing is lost.
func (p *page) branches(nodes []event.Node, marks map[string]mark) []branch {
	known := map[string]bool{}
	for _, n := range nodes {
		known[n.ID] = true
	}
	children := map[string][]int{}
	var roots []int
	for i, n := range nodes {
		if n.Parent == "" || n.Parent == n.ID || !known[n.Parent] {
			roots = append(roots, i)
		} else {
			children[n.Parent] = append(children[n.Parent], i)
		}
	}
	var out []branch
	drawn := make([]bool, len(nodes))
	opened := map[string]bool{} // IDs may occur twice: their children hang under the first
	var draw func(siblings []int, rails string, depth int)
	draw = func(siblings []int, rails string, depth int) {
		quiet := 0
		for k, i := range siblings {
			if drawn[i] {
				continue
			}
			n := nodes[i]
			leaf := len(children[n.ID]) == 0
			if leaf && marks[n.ID].text == "" {
				quiet++
			} else {
				quiet = 0
			}
			knot, rail := p.tee, p.bar
			if k == len(siblings)-1 {
				knot, rail = p.elbow, "   "
			}
			if depth == 0 {
				knot, rail = "", ""
			}
			drawn[i] = true
			if p.verbose == 0 && quiet > quietHead && len(siblings) > maxQuiet {
				if last := &out[len(out)-1]; last.skip > 0 {
					last.skip, last.lead = last.skip+1, rails+knot
				} else {
					out = append(out, branch{lead: rails + knot, skip: 1})
				}
				continue
			}
			under := rails + rail
			if depth >= p.width/8 { // rails grow no further: names need the room
				under = rails
			}
			b := branch{Node: n, lead: rails + knot, cont: under + "  "}
			if !leaf && !opened[n.ID] {
				b.cont = under + p.bar
			}
			out = append(out, b)
			if !opened[n.ID] && depth < maxNested {
				opened[n.ID] = true
				draw(children[n.ID], under, depth+1)
			}
		}
	}
	draw(roots, "", 0)
	for i := range nodes {
		if !drawn[i] {
			draw([]int{i}, "", 0)
		}
	}
	return out
}
