package sink

import (
	"slices"
	"strings"
	"time"

	"runbook/engine/event"
)

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
