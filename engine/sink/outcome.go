package sink

import (
	"strings"

	"runbook/engine/event"
)

// tally counts what was found, for who is to decide before the run is over.
func (p *page) tally(s *story) {
	counts := s.counts()
	mark, in := p.warn, yellow
	if counts[event.Fault] > 0 {
		mark, in = p.bad, red
	}
	if line := p.counted(nil, counts, span{mark, in}); len(line) > 0 {
		p.blank()
		p.flow(0, 2, line, p.measure())
	}
}

// counted adds to a line how many findings there are of each verdict; the first
// of an empty line has the mark.
func (p *page) counted(line []span, counts map[event.Verdict]int, mark span) []span {
	for _, v := range verdicts {
		if n := counts[v.verdict]; n > 0 {
			word := v.many
			if n == 1 {
				word = v.one
			}
			text := decimal(n) + nbsp + strings.ReplaceAll(word, " ", nbsp)
			if len(line) == 0 {
				line = append(line, span{mark.text + " " + text, mark.ink})
			} else {
				line = append(line, span{" " + p.dot + " " + text, plain})
			}
		}
	}
	return line
}

// footer is the outcome in one line.
func (p *page) footer(s *story) {
	p.blank()
	outcome, reason := event.Outcome("cut off"), "nothing is known of what came after"
	if s.finished != nil {
		outcome, reason = s.finished.Outcome, s.finished.Reason
	}
	mark, in := p.open, yellow
	switch outcome {
	case event.Clean:
		mark, in = p.ok, green
	case event.Faults, event.Failed, event.Misused:
		mark, in = p.bad, red
	case event.Incomplete:
		mark, in = "?", magenta
	}
	counts := s.counts()
	if outcome == event.Clean && counts[event.Warn] > 0 {
		mark, in = p.warn, yellow // nothing is proven, and not all is well
	}
	word := string(outcome)
	if s.run != nil && len(s.run.LeftOut) > 0 && in == green {
		mark, in, word = p.open, bold, s.stepsDone() // a part that found nothing clears nobody
	}
	line := []span{{mark + " " + word, in}}
	if in == yellow && outcome == event.Clean || outcome == event.Faults && counts[event.Fault] > 0 {
		line = line[:0] // the count says it
	} else if reason != "" && reason != string(outcome) && !s.found(event.Unknown, reason) {
		line = append(line, span{": " + p.brief(reason, 3), plain})
		reason = ""
	}
	line = p.counted(line, counts, span{mark, in})
	if outcome == event.Clean && reason != "" {
		line = append(line, span{" " + p.dot + " " + p.brief(reason, 3), plain})
	}
	if s.finished != nil && len(s.findings) == 0 {
		line = append(line, span{" " + p.dot + " no findings", plain})
	}
	if s.run != nil && len(s.run.LeftOut) > 0 {
		line = append(line, span{" " + p.dot + " not run: " + strings.Join(s.run.LeftOut, ", "), plain})
	}
	line = append(line, span{" " + p.dot + " " + took(s.took()), dim})
	p.flow(0, 2, line, p.measure())
}

// stepsDone says which steps were run to their end.
func (s *story) stepsDone() string {
	var names []string
	for _, c := range s.steps {
		if c.done != nil && (c.done.Status == event.StatusDone || c.done.Status == event.StatusStopped) {
			names = append(names, c.name)
		}
	}
	if len(names) == 1 {
		return "step " + names[0] + " done"
	}
	return "steps " + strings.Join(names, ", ") + " done"
}
