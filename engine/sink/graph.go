package sink

import "runbook/engine/event"

const maxChains = 20 // without -v

// graph draws who waits for whom, as chains that end where the trouble is:
//
//	gamma (pid 24390)
//	  ──waits for a reply on fd 8──▶ root (pid 24168)
//	    ──45,815 bytes unread on fd 8──▶ beta (pid 24377)  ◀ fault stopped-consuming
//
// Every edge is drawn once, each further in than the one before: at one indent
// they would read as waits of the first. One that was only inferred is dashed.
func (p *page) graph(v event.View, marks map[string]mark) {
	p.title(v)
	if len(v.Edges) == 0 {
		p.line(span{"no wait between these was seen", dim})
		return
	}
	nodes := map[string]event.Node{}
	for _, n := range v.Nodes {
		if _, ok := nodes[n.ID]; !ok {
			nodes[n.ID] = n
		}
	}
	at := func(id string) []span {
		m, label := marks[id], nodes[id].Label
		if label == "" {
			label = id
		}
		out := []span{{p.label(label, maxLabel), m.labelInk()}}
		if m.rank >= 4 { // a victim's mark would only repeat the arrow
			out = append(out, spaces(gap), span{m.text, m.ink})
		}
		return out
	}
	dashed := false
	all := chains(v)
	for i, c := range all {
		if i == maxChains && p.verbose == 0 {
			p.line(span{p.dots + " " + decimal(len(all)-i) + " more chains, -v shows all", dim})
			break
		}
		p.chain(c, at)
		for _, e := range c {
			dashed = dashed || !e.Certain
		}
	}
	if dashed {
		p.flow(0, 4, []span{{p.dashed + p.to + " inferred, not certain", dim}}, p.width)
	}
}

// chain draws one walk along edges.
func (p *page) chain(edges []event.Edge, at func(id string) []span) {
	if len(edges) == 1 {
		line := append(append(at(edges[0].From)[:1:1], spaces(1)), p.arrowTo(edges[0], at)...)
		if widthOf(line) <= p.width {
			p.line(line...)
			return
		}
	}
	seen := map[string]bool{}
	indent := 0
	for _, e := range edges {
		if indent == 0 || indent+2 > p.width/3 { // too far in: begin anew with the waiter
			p.flow(0, 4, at(e.From), p.width)
			indent = 0
		}
		seen[e.From] = true
		indent += 2
		line := append([]span{spaces(indent)}, p.arrowTo(e, at)...)
		var again []span // a circle closes
		if seen[e.To] {
			again = []span{{nbsp + p.again, bold}}
		}
		seen[e.To] = true
		line = append(line, again...)
		if widthOf(line) <= p.width {
			p.line(line...)
			continue
		}
		bare := event.Edge{To: e.To, Certain: e.Certain}
		p.flow(indent, indent+4, append(p.arrowTo(bare, at), again...), p.width)
		if e.Label != "" {
			p.flow(indent+4, indent+4, []span{{p.brief(e.Label, 3), plain}}, p.width)
		}
	}
}

// arrowTo draws an edge and the node it leads to.
func (p *page) arrowTo(e event.Edge, at func(id string) []span) []span {
	stroke := p.arrow
	if !e.Certain {
		stroke = p.dashed
	}
	out := []span{{stroke, plain}}
	if e.Label != "" {
		out = append(out, span{e.Label, plain}, span{stroke, plain})
	}
	return append(append(out, span{p.to + " ", plain}), at(e.To)...)
}

// chains lays every edge into exactly one walk. A walk begins where nobody
// waits for the waiter, goes on along edges that are not drawn yet, and ends
// at the one who waits for nobody, or where it comes back to itself.
func chains(v event.View) [][]event.Edge {
	from := map[string][]int{}
	awaited := map[string]bool{}
	for i, e := range v.Edges {
		from[e.From] = append(from[e.From], i)
		if e.From != e.To {
			awaited[e.To] = true
		}
	}
	used := make([]bool, len(v.Edges))
	var out [][]event.Edge
	walk := func(i int) {
		if used[i] {
			return
		}
		on := map[string]bool{v.Edges[i].From: true}
		var c []event.Edge
		for i >= 0 {
			used[i] = true
			e := v.Edges[i]
			c = append(c, e)
			i = -1
			if on[e.To] {
				break
			}
			on[e.To] = true
			for len(from[e.To]) > 0 && used[from[e.To][0]] {
				from[e.To] = from[e.To][1:] // used edges are passed once, not at each visit
			}
			if len(from[e.To]) > 0 {
				i = from[e.To][0]
			}
		}
		out = append(out, c)
	}
	for i, e := range v.Edges {
		if !awaited[e.From] {
			walk(i)
		}
	}
	for i := range v.Edges {
		walk(i)
	}
	return out
}
