package sink

import (
	"time"

	"runbook/engine/markdown"
)

// told is how much of a story is on the page already.
type told struct{ steps, views, findings int }

// soFar draws what was found and is not told yet: the shape of things, what is
// the matter with them, then what was done about it.
func (p *page) soFar(s *story, t *told, zone *time.Location) {
	p.WriteByte('\n') // under the header, or the answer
	if p.verbose > 0 {
		p.chapters(s, t)
	}
	marks := p.marks(s.findings)
	for _, after := range []bool{false, true} {
		if after {
			p.findingsBy(s.findings[t.findings:], zone)
		}
		for _, v := range s.views[t.views:] {
			if v.after == after {
				p.view(v.View, marks)
			}
		}
	}
	t.views, t.findings = len(s.views), len(s.findings)
}

// body draws all that is left to tell, down to the outcome.
func (p *page) body(s *story, t *told, zone *time.Location) {
	s.asking = false // whatever became of the answer
	p.soFar(s, t, zone)
	p.stepsNotDone(s, s.finished == nil)
	p.coverageRows(s.coverage)
	p.footer(s)
}

// chapters draws the steps one by one: what is done there and why, in the
// recipe's own words, then what was called. While the run goes on, those that
// are over.
func (p *page) chapters(s *story, t *told) {
	for _, c := range s.steps[t.steps:] {
		if s.asking && c.done == nil {
			break
		}
		t.steps++
		var head []span
		if c.done != nil {
			head = append(head, span{" " + p.dot + " " + string(c.done.Status), dim})
			if c.done.Duration > 0 {
				head = append(head, span{" " + p.dot + " " + took(c.done.Duration), dim})
			}
		}
		title := c.title
		if title == "" {
			title = c.name
		}
		p.heading(title, head...)
		if text, err := markdown.Render(c.guidance, markdown.Options{Width: p.width, Color: p.color, ASCII: p.dots == asciiGlyphs.dots}); err == nil && text != "" {
			p.blank()
			p.WriteString(text)
			p.WriteByte('\n')
		}
		if len(c.calls) > 0 {
			p.blank()
		}
		for _, call := range c.calls {
			text := []span{{call.Builtin, code}, {" " + p.dot + " " + took(call.Duration), plain}}
			if call.Count >= 0 {
				text = append(text, span{" " + p.dot + " " + plural(call.Count, "value"), plain})
			}
			text = append(text, span{" " + p.dot + " " + call.Pos, dim})
			if call.Error != "" {
				text = append(text, span{" " + p.dot + " " + call.Error, red})
			}
			p.flow(2, 4, text, p.width)
		}
	}
}
