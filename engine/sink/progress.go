package sink

import (
	"fmt"
	"io"
	"time"

	"runbook/engine/event"
)

// Heartbeat is how long a log may be silent while something runs.
const Heartbeat = 30 * time.Second

// Progress writes lines of progress for who reads a log, where Terminal cannot
// write over its own: one for each milestone, and one for a sign of life when
// none was written for the length of a heartbeat. Each begins with the time
// since the run began.
type Progress struct {
	w           io.Writer
	every       time.Duration
	began, last time.Time
}

// NewProgress returns a sink that writes to w.
func NewProgress(w io.Writer, every time.Duration) *Progress {
	return &Progress{w: w, every: every}
}

// Write takes the next event. A log that cannot be written to ends no run.
func (p *Progress) Write(e event.Event) error {
	switch {
	case e.RunStarted != nil:
		p.began, p.last = e.At, e.At
	case e.Progressed != nil && (e.Progressed.Milestone || e.At.Sub(p.last) >= p.every):
		p.last = e.At
		_, _ = fmt.Fprintf(p.w, "%6s  %s\n", took(e.At.Sub(p.began)), oneLine(clean(e, false).Progressed.Text))
	}
	return nil
}

// Close has nothing to add.
func (p *Progress) Close() error { return nil }
