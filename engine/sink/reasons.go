package sink

import (
	"strings"

	"runbook/engine/event"
)

// reasons draws why a finding was said: a line of the recipe that decided, and
// under it what it saw.
func (p *page) reasons(reasons []event.Reason) {
	label := span{"why", dim}
	for _, r := range reasons {
		indent := strings.Repeat(nbsp, 2*r.Depth)
		spans := []span{{indent, plain}}
		if r.Pos != "" {
			spans = append(spans, span{place(r.Pos) + " ", dim})
		}
		spans = append(spans, span{r.Text, code})
		p.beside(label, gutter, block{hang: 2 + 2*r.Depth, spans: spans})
		label = span{}
		if len(r.Values) > 0 {
			p.beside(label, gutter, block{hang: 4 + 2*r.Depth, spans: []span{{indent + nbsp + nbsp + p.seen(r.Values), plain}}})
		}
	}
}

// seen is the values of a line; the last is often that of the whole.
func (p *page) seen(values []event.Seen) string {
	whole := "→" + nbsp
	if p.dots == asciiGlyphs.dots {
		whole = "->" + nbsp
	}
	var out []string
	for _, v := range values {
		switch {
		case v.What == "":
			out = append(out, whole+v.Value)
		case v.Of == "":
			out = append(out, v.What+" = "+v.Value)
		default:
			out = append(out, v.What+" = "+v.Value+" of "+v.Of)
		}
	}
	return strings.Join(out, " "+p.dot+" ")
}

// place is file:line; the column helps an editor, and nobody who reads.
func place(pos string) string {
	if i := strings.LastIndexByte(pos, ':'); i > 0 && strings.Count(pos, ":") >= 2 {
		return pos[:i]
	}
	return pos
}
