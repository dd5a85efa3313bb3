package sink

import (
	"io"
	"slices"
	"strings"
	"time"

	"github.com/charmbracelet/x/ansi"

	"runbook/engine/event"
)

// Prompt draws the events of a session as they come: each finding, view and
// printed line, and what could not be read.
type Prompt struct {
	w   io.Writer
	opt TerminalOptions
}

// NewPrompt returns a sink that draws on w.
func NewPrompt(w io.Writer, opt TerminalOptions) *Prompt { return &Prompt{w, opt} }

// Write takes the next event.
func (s *Prompt) Write(e event.Event) error {
	e = clean(e, !s.opt.Unicode)
	p := s.opt.page()
	switch {
	case e.Said != nil:
		for l := range strings.SplitSeq(strings.TrimRight(e.Said.Text, "\n"), "\n") {
			p.flow(0, 2, []span{{l, plain}}, p.width)
		}
	case e.Found != nil:
		p.findingsBy([]event.Finding{*e.Found}, s.zone())
	case e.Shown != nil:
		p.atHand(*e.Shown, s.zone())
	case e.Covered != nil && e.Covered.Status != "read" && e.Covered.Status != "absent":
		p.coverageRows([]event.Coverage{*e.Covered})
	case e.Called != nil && s.opt.Verbose > 0:
		p.flow(0, 2, []span{{e.Called.Builtin + " " + p.dot + " " + took(e.Called.Duration), dim}}, p.width)
	}
	return s.put(p)
}

func (s *Prompt) zone() *time.Location {
	if s.opt.Zone == nil {
		return time.UTC
	}
	return s.opt.Zone
}

// Close has nothing to flush.
func (s *Prompt) Close() error { return nil }

// Value draws what an input came to: views, or text.
func (s *Prompt) Value(views []event.View, text string) error {
	p := s.opt.page()
	for i := range views {
		v := *clean(event.Event{Shown: &views[i]}, !s.opt.Unicode).Shown
		p.atHand(v, s.zone())
	}
	if text != "" {
		p.flow(0, 2, []span{{p.brief(cleanText(text, !s.opt.Unicode), maxLines), plain}}, p.width)
	}
	return s.put(p)
}

const (
	maxRows  = 60 // of a table at a prompt, without -v: more scrolls away what was asked for
	maxLines = 30 // of a text
)

func (s *Prompt) put(p *page) error {
	_, err := io.WriteString(s.w, strings.TrimLeft(p.String(), "\n"))
	return err
}

// atHand draws a view whose value is there to be asked for more: columns and
// rows that do not fit are named, not drawn.
func (p *page) atHand(v event.View, zone *time.Location) {
	if v.Kind != "table" {
		p.view(v, nil)
		return
	}
	rows := len(v.Nodes)
	if rows > maxRows && p.verbose == 0 {
		v.Nodes = v.Nodes[:maxRows]
	}
	label := 0
	for _, n := range v.Nodes {
		label = max(label, min(ansi.StringWidth(n.Label), maxLabel))
	}
	for _, n := range v.Nodes {
		for j, text := range n.Cells {
			n.Cells[j] = p.short(text, zone)
		}
	}
	v = filled(v)
	cols := columns(v)
	if label > 0 && len(v.Columns) == 0 { // names and values: these wrap
		p.title(v)
		for _, n := range v.Nodes {
			p.beside(span{p.label(n.Label, label), dim}, label+gap, block{spans: []span{{p.brief(strings.Join(n.Cells, " "), 3), plain}}})
		}
		p.more(rows-len(v.Nodes), "line")
		return
	}
	shown := fit(cols, p.width-label)
	left := v.Columns[min(len(shown), len(v.Columns)):]
	v.Columns = v.Columns[:min(len(shown), len(v.Columns))]
	for i := range v.Nodes {
		n := &v.Nodes[i]
		n.Cells = n.Cells[:min(len(shown), len(n.Cells))]
		for j := range n.Cells {
			n.Cells[j] = p.shorten(n.Cells[j], shown[j].width)
		}
	}
	p.table(v, nil)
	p.more(rows-len(v.Nodes), "row")
	if len(left) > 0 {
		p.flow(2, 2, []span{{p.dots + " and " + strings.Join(left, ", "), dim}}, p.width)
	}
}

// short is a time or a duration without the digits that nobody compares by eye.
func (p *page) short(text string, zone *time.Location) string {
	if len(text) < len("1.028s") || text[0] < '0' || text[0] > '9' {
		return text
	}
	return strings.ReplaceAll(p.read(text, zone), nbsp, " ")
}

// filled is a table without the columns in which nothing stands.
func filled(v event.View) event.View {
	out := v
	out.Columns, out.Nodes = nil, slices.Clone(v.Nodes)
	for j := range out.Nodes {
		out.Nodes[j].Cells = nil
	}
	for i, head := range v.Columns {
		empty := true
		for _, n := range v.Nodes {
			empty = empty && (i >= len(n.Cells) || n.Cells[i] == "")
		}
		if empty {
			continue
		}
		out.Columns = append(out.Columns, head)
		for j, n := range v.Nodes {
			cell := ""
			if i < len(n.Cells) {
				cell = n.Cells[i]
			}
			out.Nodes[j].Cells = append(out.Nodes[j].Cells, cell)
		}
	}
	if len(v.Columns) == 0 {
		return v
	}
	return out
}

// more says that some were left out.
func (p *page) more(n int, what string) {
	if n > 0 {
		p.line(spaces(2), span{p.dots + " " + plural(n, what) + " more", dim})
	}
}
