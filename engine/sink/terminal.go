package sink

import (
	"io"
	"slices"
	"strings"
	"time"

	"github.com/charmbracelet/x/ansi"

	"runbook/engine/event"
	"runbook/engine/markdown"
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

	story    story
	title    string // of the running step
	progress bool   // a progress line stands on the terminal
	frame    int
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
		t.showProgress(p, e)
	}
	return t.err
}

// Close draws what there is of a run that never finished, and says so.
func (t *Terminal) Close() error {
	if t.err != nil {
		return t.err
	}
	t.Clear()
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
	if t.progress {
		t.progress = false
		t.put("\r" + ansi.EraseLineRight)
	}
}

func (t *Terminal) text(p *page) {
	t.Clear()
	t.put(p.String())
}

func (t *Terminal) put(s string) {
	if t.err == nil && s != "" {
		_, t.err = io.WriteString(t.w, s)
	}
}

// showProgress draws the step that runs, the last sign of life in it, and how
// long the run has taken, on a line that is written over. It moves with the
// events: a spinner that turns while nothing happens would say that something does.
func (t *Terminal) showProgress(p *page, e event.Event) {
	if !t.opt.Live || t.drawn {
		return
	}
	doing := ""
	switch {
	case e.StepStarted != nil:
		t.title = e.StepStarted.Title
		if t.title == "" {
			t.title = e.StepStarted.Name
		}
	case e.Progressed != nil:
		doing = oneLine(e.Progressed.Text)
	case e.Called != nil:
		doing = e.Called.Builtin
	default:
		return
	}
	parts := []string{}
	for _, s := range []string{t.title, doing, took(e.At.Sub(t.story.begun()))} {
		if s != "" {
			parts = append(parts, s)
		}
	}
	text := p.spinner[t.frame%len(p.spinner)] + " " + strings.Join(parts, " "+p.dot+" ")
	t.frame++
	t.progress = true
	// One column stays free: a terminal that wraps at the last one would leave
	// the line behind.
	t.put("\r" + ansi.EraseLineRight + p.shorten(text, p.width-1))
}

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

// header says what runs, where and on what, in two lines.
func (p *page) header(s *story, zone *time.Location) {
	r := s.run
	title := []span{{r.Recipe, bold}}
	if r.Title != "" && r.Title != r.Recipe {
		title = append(title, span{" " + p.dot + " " + p.shorten(r.Title, maxTitle), plain})
	}
	p.flow(0, 2, title, p.width)

	var facts []string
	add := func(s string) { facts = append(facts, strings.ReplaceAll(s, " ", nbsp)) }
	if r.Host != "" {
		add("on " + r.Host)
	}
	if r.From != "" {
		add("from " + r.From)
	}
	if !r.Started.IsZero() {
		add(r.Started.In(zone).Format("2006-01-02 15:04:05 MST"))
	}
	for _, name := range r.Steps {
		add("--step " + name)
	}
	if r.DryRun {
		add("dry run")
	}
	if len(r.Grants) > 0 {
		add("allowed: " + strings.Join(r.Grants, ", "))
	}
	if r.Origin != "" && r.Origin != "embedded" {
		add("recipe " + r.Origin)
	}
	for _, f := range asTyped(r) {
		if p.verbose > 0 && !unset(f.Value) || slices.Contains(r.Given, f.Name) {
			add(p.flag(f, r))
		}
	}
	if p.verbose > 0 {
		add(r.Tool)
		add("run " + r.ID)
		add(r.Digest)
	}
	lines := wrap([]span{{strings.Join(facts, " "+p.dot+" "), dim}}, p.width, 0)
	for i, l := range lines {
		if i == 1 && len(lines) > 2 && p.verbose == 0 {
			l = append(l, span{" " + p.dots, dim})
			if widthOf(l) > p.width {
				l = l[:len(l)-1]
			}
			p.line(l...)
			break
		}
		p.line(l...)
	}
}

// asTyped is the parameters in the order of a command line: flags, what stands
// by itself, what follows "--".
func asTyped(r *event.RunStarted) event.Fields {
	place := func(f event.Field) int {
		switch f.Name {
		case r.Positional:
			return 1
		case r.Dashed:
			return 2
		}
		return 0
	}
	return slices.SortedStableFunc(slices.Values(r.Params), func(a, b event.Field) int { return place(a) - place(b) })
}

// flag says a parameter as it is typed: --older-than 2m.
func (p *page) flag(f event.Field, r *event.RunStarted) string {
	name := "--" + strings.ReplaceAll(strings.TrimSuffix(f.Name, "_"), "_", "-")
	switch v := f.Value.(type) {
	case bool:
		return name
	case []any:
		var out []string
		if f.Name == r.Dashed {
			out = append(out, "--")
		}
		for _, x := range v {
			if f.Name != r.Dashed && f.Name != r.Positional {
				out = append(out, name)
			}
			out = append(out, p.value(x))
		}
		return strings.Join(out, " ")
	default:
		return name + " " + p.value(v)
	}
}

// unset reports whether a parameter has the value of nobody having said
// anything.
func unset(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case bool:
		return !v
	case string:
		return v == ""
	case []any:
		return len(v) == 0
	case event.Fields:
		return len(v) == 0
	default:
		return false
	}
}

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
			p.WriteString(p.clip(text))
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

// clip keeps the promise of width for lines that glamour drew.
func (p *page) clip(text string) string {
	lines := strings.Split(text, "\n")
	for i, l := range lines {
		if ansi.StringWidth(l) > p.width {
			lines[i] = ansi.Truncate(l, p.width, p.dots)
		}
	}
	return strings.Join(lines, "\n")
}

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
	line := []span{{mark + " " + string(outcome), in}}
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
	if s.run != nil && len(s.run.Steps) > 0 {
		line = append(line, span{" " + p.dot + " only of step " + strings.Join(s.run.Steps, ", "), plain})
	}
	line = append(line, span{" " + p.dot + " " + took(s.took()), dim})
	p.flow(0, 2, line, p.measure())
}
