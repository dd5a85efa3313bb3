package sink

import (
	"strings"

	"runbook/engine/event"
)

// mark is what the findings say of one node of a view.
type mark struct {
	ink  ink
	text string
	rank int
}

// marks gathers what to say beside each subject, by its key. A culprit
// outranks a suspect, a suspect a victim: one node carries one mark, and how
// many more of that rank there would be.
func (p *page) marks(findings []event.Finding) map[string]mark {
	out := map[string]mark{}
	more := map[string]int{}
	put := func(s event.Subject, m mark) {
		old, ok := out[s.Key()]
		if ok && old.text != m.text && old.rank == m.rank {
			more[s.Key()]++
		}
		if !ok || old.rank < m.rank {
			out[s.Key()], more[s.Key()] = m, 0
		}
	}
	for _, f := range findings {
		var m, victim mark
		switch f.Verdict {
		case event.Fault:
			m = mark{red, p.culprit + " fault " + p.shorten(shortRule(f.Rule), maxLabel), 5}
			victim = mark{dim, "waits for " + p.about(f), 3}
		case event.Warn:
			m = mark{yellow, p.culprit + " warning " + p.shorten(shortRule(f.Rule), maxLabel), 4}
			victim = mark{dim, "may wait for " + p.about(f), 2}
		case event.Unknown:
			m = mark{magenta, "? " + shortRule(f.Rule), 1}
		default:
			continue
		}
		if f.About != nil {
			put(*f.About, m)
		}
		for _, s := range f.Members {
			put(s, m)
		}
		if victim.text != "" {
			for _, s := range f.Victims {
				put(s, victim)
			}
		}
	}
	for key, n := range more {
		if n > 0 {
			m := out[key]
			m.text += " +" + decimal(n)
			out[key] = m
		}
	}
	return out
}

// labelInk is how a marked node's own name is drawn: only culprits and
// suspects stand out.
func (m mark) labelInk() ink {
	if m.rank >= 4 {
		return m.ink
	}
	return plain
}

// shortRule leaves out the recipe: "wedged-actor/stopped-consuming" is
// "stopped-consuming" beside a node.
func shortRule(rule string) string {
	return rule[strings.LastIndexByte(rule, '/')+1:]
}

// about names who a finding is about, briefly.
func (p *page) about(f event.Finding) string {
	switch {
	case len(f.Members) > 1:
		return p.names(f.Members)
	case f.About == nil:
		return "it"
	case f.About.Name != "":
		return p.shorten(f.About.Name, maxLabel)
	default:
		return p.label(f.About.Label(), maxLabel)
	}
}

func (p *page) names(subjects []event.Subject) string {
	out := make([]string, len(subjects))
	for i, s := range subjects {
		out[i] = p.shorten(s.Name, maxLabel)
		if s.Name == "" {
			out[i] = p.label(s.Label(), maxLabel)
		}
	}
	return strings.Join(out, ", ")
}
