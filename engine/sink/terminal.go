package sink

import (
	"io"
	"strings"
	"sync"
	"time"

	"runbook/engine/event"
)

// TerminalOptions are all that the text depends on besides the events. The
// zero value is plain ASCII at 80 columns, times in UTC.
type TerminalOptions struct {
	Width   int            // columns; 0 = 80, and never less than 20 or more than 400
	Color   bool           // SGR colours
	Verbose int            // 1: guidance, calls, all evidence and coverage
	Live    bool           // w is a terminal: one transient line of progress
	Zone    *time.Location // of times; nil = UTC
	Unicode bool           // rails, arrows and marks that are not ASCII
}

func (o TerminalOptions) page() *page {
	p := &page{width: o.Width, color: o.Color, verbose: o.Verbose, glyphs: asciiGlyphs}
	if o.Unicode {
		p.glyphs = unicodeGlyphs
	}
	if p.width <= 0 {
		p.width = 80
	}
	p.width = min(max(p.width, 20), 400)
	return p
}

// Terminal draws a run for a person: the header at once, what the recipe
// prints as it comes, everything else when the run ends, or when it asks a
// question: then what was found so far, and at the end what came after. The tree
// waits for the findings because these mark the culprit in it.
type Terminal struct {
	w    io.Writer
	opt  TerminalOptions
	zone *time.Location

	mu       sync.Mutex // events come from one side, ticks from another
	story    story
	progress progressLine
	drawn    bool // to the end
	told     told
	err      error
}

// NewTerminal returns a sink that draws on w.
func NewTerminal(w io.Writer, opt TerminalOptions) *Terminal {
	zone := opt.Zone
	if zone == nil {
		zone = time.UTC
	}
	return &Terminal{w: w, opt: opt, zone: zone}
}

// Write takes the next event.
func (t *Terminal) Write(e event.Event) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.err != nil {
		return t.err
	}
	e = clean(e, !t.opt.Unicode)
	t.story.add(e)
	p := t.opt.page()
	switch {
	case e.RunStarted != nil:
		p.header(&t.story, t.zone)
		t.text(p)
	case e.Said != nil:
		for _, l := range strings.Split(strings.TrimRight(e.Said.Text, "\n"), "\n") {
			p.flow(0, 2, []span{{l, plain}}, p.width)
		}
		t.text(p)
	case e.Asked != nil:
		p.soFar(&t.story, &t.told, t.zone)
		p.tally(&t.story)
		p.question(e)
		t.text(p)
	case e.RunFinished != nil:
		t.drawn = true
		p.body(&t.story, &t.told, t.zone)
		t.text(p)
	default:
		if t.opt.Live && !t.drawn && t.progress.note(e) {
			t.drawProgress(p, e.At)
		}
	}
	return t.err
}

// Close draws what there is of a run that never finished, and says so.
func (t *Terminal) Close() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.err != nil {
		return t.err
	}
	t.clear()
	if !t.drawn && t.story.events > 0 {
		t.drawn = true
		p := t.opt.page()
		p.body(&t.story, &t.told, t.zone)
		t.text(p)
	}
	return t.err
}

// Clear takes the progress line away, so that someone else may write: a
// question, or an error.
func (t *Terminal) Clear() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.clear()
}

func (t *Terminal) text(p *page) {
	t.clear()
	t.put(p.String())
}

func (t *Terminal) put(s string) {
	if t.err == nil && s != "" {
		_, t.err = io.WriteString(t.w, s)
	}
}

func (p *page) view(v event.View, marks map[string]mark) {
	if v.Kind == "table" && len(v.Nodes) == 0 {
		return // a head without a body says nothing
	}
	switch v.Kind {
	case "tree":
		p.tree(v, marks)
	case "graph":
		p.graph(v, marks)
	default:
		p.table(v, marks)
	}
}
