package sink

import (
	"io"

	"runbook/engine/event"
)

// DrawQuestion draws a question by itself, as Terminal does: for a person whose
// terminal is not where the run is drawn.
func DrawQuestion(w io.Writer, step string, q event.Asked, opt TerminalOptions) error {
	p := opt.page()
	p.WriteByte('\n')
	p.question(clean(event.Event{Step: step, Asked: &q}, !opt.Unicode))
	_, err := w.Write(p.Bytes())
	return err
}

// question says what a step wants to do, and to whom exactly.
func (p *page) question(e event.Event) {
	p.blank()
	p.flow(0, 2, []span{{e.Step, bold}, {" needs the effect ", plain}, {e.Asked.Effect, bold}, {". It would hit exactly this:", plain}}, p.measure())
	if len(e.Asked.What.Nodes) == 0 {
		p.title(e.Asked.What)
	}
	p.view(e.Asked.What, nil)
	p.WriteByte('\n')
}
