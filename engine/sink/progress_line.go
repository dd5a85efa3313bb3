package sink

import (
	"strings"
	"time"

	"github.com/charmbracelet/x/ansi"

	"runbook/engine/event"
)

// progressLine is the step that runs, the last sign of life in it, and how long
// the run has taken, on a line of the terminal that is written over.
type progressLine struct {
	title string // of the running step
	doing string
	shown bool // it stands on the terminal
	last  time.Time
	frame int
}

// progressEvery is how often the line is written anew, at most: a recipe that asks
// for a thousand facts would draw nothing else.
const progressEvery = 100 * time.Millisecond

// note takes what an event says of what goes on, and reports whether it said any.
func (l *progressLine) note(e event.Event) bool {
	switch {
	case e.StepStarted != nil:
		l.title, l.doing = e.StepStarted.Title, ""
		if l.title == "" {
			l.title = e.StepStarted.Name
		}
	case e.Progressed != nil:
		l.doing = oneLine(e.Progressed.Text)
	case e.Called != nil:
		l.doing = e.Called.Builtin
	default:
		return false
	}
	return true
}

// Tick moves the progress line on, if one stands there, to the time that is now
// for its owner: a sink has no clock.
func (t *Terminal) Tick(now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.progress.shown {
		t.drawProgress(t.opt.page(), now)
	}
}

func (t *Terminal) drawProgress(p *page, now time.Time) {
	l := &t.progress
	if l.shown && now.Sub(l.last) < progressEvery {
		return
	}
	var parts []string
	for _, s := range []string{l.title, l.doing, took(now.Sub(t.story.begun()))} {
		if s != "" {
			parts = append(parts, s)
		}
	}
	text := p.spinner[l.frame%len(p.spinner)] + " " + strings.Join(parts, " "+p.dot+" ")
	l.frame, l.last, l.shown = l.frame+1, now, true
	// One column stays free: a terminal that wraps at the last one would leave
	// the line behind.
	t.put("\r" + ansi.EraseLineRight + p.shorten(text, p.width-1))
}

func (t *Terminal) clear() {
	if t.progress.shown {
		t.progress.shown = false
		t.put("\r" + ansi.EraseLineRight)
	}
}
