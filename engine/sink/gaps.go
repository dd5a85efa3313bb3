package sink

import (
	"fmt"
	"slices"
	"strings"

	"github.com/charmbracelet/x/ansi"

	"runbook/engine/event"
)

// stepsNotDone draws the steps that did not end well, or not at all.
func (p *page) stepsNotDone(s *story, cutOff bool) {
	var left []*chapter
	for _, c := range s.steps {
		if c.done == nil && !cutOff || c.done != nil && c.done.Status == event.StatusDone {
			continue
		}
		left = append(left, c)
	}
	if len(left) == 0 {
		return
	}
	if s.finished != nil && s.finished.Outcome == event.Clean && !slices.ContainsFunc(left, func(c *chapter) bool { return !unneeded(c) }) {
		p.heading("Steps not needed")
	} else {
		p.heading("Steps not done")
	}
	said := ""
	for i, c := range left {
		if p.verbose == 0 && skipped(c) {
			if i == 0 || !skipped(left[i-1]) {
				p.skippedSteps(left[i:], said)
			}
			continue
		}
		status, reason, detail, in := "waiting", "the run was cut off before it", "", dim
		if c.started {
			status, reason = "running", "the run was cut off within it"
		}
		if c.done != nil {
			status, reason, detail = string(c.done.Status), c.done.Reason, c.done.Detail
			switch c.done.Status {
			case event.StatusFailed:
				in = red
			case event.StatusDenied, event.StatusCancelled:
				in = yellow
			}
		}
		said = reason
		if p.verbose == 0 && (s.found(event.Unknown, reason) || status == string(event.StatusStopped) && s.finished != nil && s.finished.Reason == reason) {
			reason = "" // a finding says it, or the last line will
		}
		mark := p.open
		if in == red {
			mark = p.bad
		}
		lead := []span{{mark + " ", in}, {c.name, bold}, spaces(1), {status, in}}
		if reason != "" {
			lead = append(lead, span{": " + p.brief(reason, 3), plain})
		}
		p.flow(0, 2, lead, p.measure())
		if p.verbose == 0 && backtraced(s, c) {
			continue
		}
		for _, l := range strings.Split(strings.Trim(detail, "\n"), "\n") {
			in := plain
			switch {
			case status == string(event.StatusFailed):
				in = dim // a backtrace, where the reason says it all
			case status == string(event.StatusDenied) && l != "by hand:":
				in = code
			}
			p.verbatim(4, span{l, in})
		}
	}
}

// unneeded reports whether a step ended because there was no more to do.
func unneeded(c *chapter) bool {
	return skipped(c) || c.done != nil && c.done.Status == event.StatusStopped
}

func skipped(c *chapter) bool { return c.done != nil && c.done.Status == event.StatusSkipped }

// skippedSteps names the steps at the beginning of list that were skipped, in one
// line: that the second needs the first, which needs what failed, is no news. said
// is why the step before them is not done.
func (p *page) skippedSteps(list []*chapter, said string) {
	var names []string
	reason := list[0].done.Reason
	for _, c := range list {
		if !skipped(c) {
			break
		}
		names = append(names, c.name)
		if c.done.Reason != reason {
			reason = ""
		}
	}
	line := []span{{p.open + " ", dim}, {strings.Join(names, ", "), bold}, spaces(1), {string(event.StatusSkipped), dim}}
	if reason != "" && (said == "" || !strings.HasSuffix(reason, said)) {
		line = append(line, span{": " + p.brief(reason, 3), plain})
	}
	p.flow(0, 2, line, p.measure())
}

// backtraced reports whether the detail of a step is no more than where it was
// when the world put an end to it: somebody's Ctrl-C, or a process that is gone,
// of which a finding tells. The recipe is not to blame.
func backtraced(s *story, c *chapter) bool {
	if c.done == nil || c.done.Status == event.StatusCancelled {
		return true
	}
	for _, i := range c.findings {
		if f := s.findings[i]; f.Verdict == event.Unknown && strings.HasPrefix(shortRule(f.Rule), "could-not-look-") {
			return true
		}
	}
	return false
}

// verbatim draws a line as it stands, spaces included. It is wrapped if it must
// be, unless it is a command.
func (p *page) verbatim(indent int, l span) {
	text := strings.TrimRight(l.text, " ")
	body := span{strings.TrimLeft(text, " "), l.ink}
	if body.text == "" {
		return
	}
	indent = min(indent+len(text)-len(body.text), p.width/2)
	if n := body.width(); indent+n <= p.width || copied([]span{body}, n) {
		p.line(spaces(indent), body)
		return
	}
	p.flow(indent, indent+2, []span{body}, p.width)
}

// coverageRows draws what could not be read, and what would make it readable:
// one row for all probes and processes that share the cause.
func (p *page) coverageRows(rows []event.Coverage) {
	causes := p.causes(rows)
	if len(causes) == 0 {
		return
	}
	if p.verbose > 0 {
		p.heading("What was read")
	} else {
		p.heading("Could not be read")
	}
	for _, c := range causes {
		in := magenta
		switch c.status {
		case "read":
			in = green
		case "absent", "uncaptured":
			in = dim
		}
		text := []span{{strings.Join(c.probes, ", "), bold}, spaces(1), {statusWord(c.status), in}}
		if len(c.pids) > 0 {
			text = append(text, span{" for " + p.processes(c.pids), plain})
		} else if c.status == "absent" && c.detail != "" {
			text[2] = span{p.brief(c.detail, 3), plain} // of no process: nobody has gone
			c.detail = ""
		}
		remedy := []span{{p.hint + " ", dim}, {c.remedy, code}}
		if c.remedy != "" && widthOf(text)+1+widthOf(remedy) <= p.measure() {
			p.line(append(append(text, spaces(1)), remedy...)...)
			continue
		}
		p.flow(0, 2, text, p.measure())
		switch {
		case c.remedy != "":
			p.flow(2, 3+ansi.StringWidth(p.hint), remedy, p.width)
		case c.detail != "" && c.status != "read":
			p.flow(2, 4, []span{{p.brief(c.detail, 3), dim}}, p.measure())
		}
	}
}

// cause is why some reads went as they did.
type cause struct {
	probes         []string
	status, remedy string
	pids           []int
	detail         string // of the first of them
}

// causes groups coverage twice: the processes of a probe, then the probes that
// met the same in the same processes.
func (p *page) causes(rows []event.Coverage) []cause {
	type key struct{ probe, status, remedy, detail string }
	byProbe := map[key]*cause{}
	var order []*cause
	for _, r := range rows {
		if r.Status == "read" && p.verbose == 0 {
			continue
		}
		k := key{r.Probe, r.Status, r.Remedy, ""}
		if r.PID == 0 && r.Status == "absent" {
			k.detail = r.Detail
		}
		c := byProbe[k]
		if c == nil {
			c = &cause{probes: []string{r.Probe}, status: r.Status, remedy: r.Remedy, detail: r.Detail}
			byProbe[k] = c
			order = append(order, c)
		}
		if r.PID != 0 {
			c.pids = append(c.pids, r.PID)
		}
	}
	var out []cause
	at := map[string]int{}
	for _, c := range order {
		slices.Sort(c.pids)
		c.pids = slices.Compact(c.pids)
		same := fmt.Sprint(c.status, "\x00", c.remedy, "\x00", c.pids)
		i, ok := at[same]
		if ok && (c.remedy != "" || c.status == "read") {
			out[i].probes = append(out[i].probes, c.probes...)
			continue
		}
		at[same] = len(out)
		out = append(out, *c)
	}
	return out
}

func statusWord(status string) string {
	switch status {
	case "absent":
		return "gone" // as a person says it of a process that ended meanwhile
	case "uncaptured":
		return "not captured"
	}
	return status
}

func (p *page) processes(pids []int) string {
	const most = 5
	var out []string
	for i, pid := range pids {
		if i == most && p.verbose == 0 {
			out = append(out, p.dots)
			break
		}
		out = append(out, decimal(pid))
	}
	if len(pids) == 1 {
		return "pid " + out[0]
	}
	return decimal(len(pids)) + " processes (" + strings.Join(out, ", ") + ")"
}
