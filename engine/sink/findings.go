package sink

import (
	"strings"
	"time"

	"runbook/engine/event"
)

// verdicts are the words of a finding, in the order in which a person wants
// them: what it is, what it may be, what nobody could see, what it is not.
var verdicts = []struct {
	verdict   event.Verdict
	word      string
	one, many string
	ink       ink
}{
	{event.Fault, "FAULT", "fault", "faults", red},
	{event.Warn, "WARNING", "warning", "warnings", yellow},
	{event.Unknown, "UNKNOWN", "unknown", "unknown", magenta},
	{event.RuleOut, "RULED OUT", "ruled out", "ruled out", green},
	{event.Note, "NOTE", "note", "notes", bold},
}

const (
	gutter      = 11  // the longest word, and two
	maxFindings = 50  // of one verdict, without -v
	maxTitle    = 400 // columns: a culprit, what it does, and those who wait for it
)

// findingsBy draws all findings, worst first.
func (p *page) findingsBy(findings []event.Finding, zone *time.Location) {
	byVerdict := map[event.Verdict][]event.Finding{}
	for _, f := range findings {
		byVerdict[f.Verdict] = append(byVerdict[f.Verdict], f)
	}
	roomy := true // whether the last one had a body: bare titles stand close together
	for _, v := range verdicts {
		var last event.Finding
		for i, f := range byVerdict[v.verdict] {
			if p.verbose == 0 && i == maxFindings {
				p.line(spaces(2), span{p.dots + " " + decimal(len(byVerdict[v.verdict])-i) + " more " + v.many + ", -v shows all", dim})
				break
			}
			said := f
			if f.Rule == last.Rule && (f.Verdict == event.Note || f.Verdict == event.RuleOut) {
				// The same advice ten times is not read once.
				f.Means = unless(f.Means == last.Means, f.Means)
				f.Do = unless(f.Do == last.Do, f.Do)
				f.Because = unless(f.Because == last.Because, f.Because)
			}
			last = said
			body := f.Means+f.Do+f.Because != "" || len(f.Evidence)+len(f.Victims)+len(f.Members) > 0
			if roomy || body || i == 0 {
				p.blank()
			}
			roomy = body
			p.finding(f, span{v.word, v.ink}, zone)
		}
	}
}

func unless(same bool, s string) string {
	if same {
		return ""
	}
	return s
}

func (p *page) finding(f event.Finding, word span, zone *time.Location) {
	title := f.Title
	if title == "" {
		title = f.Rule
	}
	p.headline(word, p.titled(p.shorten(title, maxTitle), word.ink), f)
	if len(f.Members) > 1 {
		p.subjects("members", f.Members)
	}
	if len(f.Victims) > 0 {
		p.subjects("waiting", f.Victims)
	}
	p.labelledIf("means", f.Means)
	p.labelledIf("do", f.Do)
	p.labelledIf("because", f.Because)
	p.evidence(f.Evidence, zone)
	p.reasons(f.Reasons)
}

func (p *page) labelledIf(label, md string) {
	if strings.TrimSpace(md) != "" {
		p.labelled(span{label, dim}, gutter, md)
	}
}

// headline is the verdict word and the title; then, quietly, the rule.
func (p *page) headline(word span, title []span, f event.Finding) {
	rule := f.Rule
	if p.verbose > 0 && f.Pos != "" {
		rule += " " + p.dot + " " + f.Pos
	}
	if p.narrow() {
		p.flow(0, 2, append([]span{word, spaces(1)}, title...), p.measure())
		if rule != "" && f.Title != "" {
			p.flow(2, 4, []span{{rule, dim}}, p.measure())
		}
		return
	}
	lead := span{word.text + strings.Repeat(" ", gutter-word.width()), word.ink}
	for _, l := range wrap(title, p.measure()-gutter, 0) {
		p.line(append([]span{lead}, l...)...)
		lead = spaces(gutter)
	}
	if rule != "" && f.Title != "" {
		p.flow(gutter, gutter, []span{{rule, dim}}, p.measure())
	}
}

// titled is a title in bold. Its code spans are names rather than commands: a
// culprit's stands out as it does in the tree, and without colour their marks go.
func (p *page) titled(title string, verdict ink) []span {
	spans := codeSpans(title, false)
	for i := range spans {
		switch s := &spans[i]; {
		case s.ink == code && (verdict == red || verdict == yellow):
			s.ink = verdict
		default:
			s.ink = bold
		}
	}
	return spans
}

// subjects lists who else is concerned. Their names are data: what looks like
// markdown in them is not.
func (p *page) subjects(label string, subjects []event.Subject) {
	const most = 12
	var out []string
	for i, s := range subjects {
		if i == most && p.verbose == 0 {
			out = append(out, "and "+decimal(len(subjects)-i)+" more")
			break
		}
		out = append(out, strings.ReplaceAll(p.label(s.Label(), maxLabel), " ", nbsp))
	}
	p.beside(span{label, dim}, gutter, block{spans: []span{{strings.Join(out, ", "), plain}}})
}
