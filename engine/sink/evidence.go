package sink

import (
	"strings"
	"time"

	"github.com/charmbracelet/x/ansi"

	"runbook/engine/event"
)

const (
	maxEvidence = 6  // rows, without -v
	maxItems    = 4  // of a list in one of them, likewise
	shortList   = 40 // columns that stand in the row itself
)

// evidence draws what was read, a row for each reading: its type, its fields,
// then where and when it was read; lists that are long stand under it.
func (p *page) evidence(rows []event.Fields, zone *time.Location) {
	label := span{"evidence", dim}
	for i, row := range rows {
		if i == maxEvidence && p.verbose == 0 {
			p.beside(label, gutter, block{spans: []span{{p.dots + " " + decimal(len(rows)-i) + " more, -v shows them", dim}}})
			return
		}
		spans, lists := p.reading(row, zone)
		p.beside(label, gutter, block{hang: 2, spans: spans})
		for _, f := range lists {
			p.items(f, zone)
		}
		label = span{}
	}
}

// reading lays out one row of evidence, and what of it has no room in a row. A
// field and its value never part at the end of a line, unless a line is too short
// for both.
func (p *page) reading(row event.Fields, zone *time.Location) (line []span, lists event.Fields) {
	var from []span
	for _, f := range row {
		switch f.Name {
		case "type":
			line = append([]span{{p.shorten(p.value(f.Value), maxLabel) + nbsp, bold}, spaces(1)}, line...)
			continue
		case "source", "at":
			text := p.brief(p.value(f.Value), 1)
			if f.Name == "at" {
				text = clockTime(text, zone)
			}
			if len(from) > 0 {
				text = "," + nbsp + text
			}
			from = append(from, span{text, dim})
			continue
		}
		if f.Value == "" && p.verbose == 0 {
			continue // known to be nothing, which is no evidence
		}
		text := p.inWords(f.Value, zone)
		if l, ok := f.Value.([]any); ok && len(l) > 0 && (hasRecord(l) || ansi.StringWidth(text) > shortList) {
			lists = append(lists, f)
			continue
		}
		if ansi.StringWidth(text) <= shortList {
			text = strings.ReplaceAll(text, " ", nbsp)
		}
		line = append(line, span{p.shorten(f.Name, maxLabel), dim}, span{nbsp, plain}, span{p.brief(text, 3) + nbsp, plain}, spaces(1))
	}
	if len(from) > 0 {
		line = append(line, span{"(", dim})
		line = append(line, from...)
		line = append(line, span{")", dim})
	}
	return line, lists
}

// items draws a list of a reading, one thing a line.
func (p *page) items(f event.Field, zone *time.Location) {
	name := p.shorten(f.Name, maxLabel)
	indent := 2 + ansi.StringWidth(name) + 2
	lead := []span{{name, dim}, {nbsp, plain}, spaces(1)}
	b := block{indent: 2, hang: min(indent+2, p.width/3)}
	list := f.Value.([]any)
	for i, v := range list {
		text := []span{{p.brief(p.inWords(v, zone), 3), plain}}
		if s, ok := v.(string); ok {
			text = frame(p.brief(s, 3))
		}
		if left := len(list) - i; i == maxItems && left > 1 && p.verbose == 0 {
			text = []span{{p.dots + " " + decimal(left) + " more, -v shows them", dim}}
			list = nil
		}
		b.spans = append(lead, text...)
		p.beside(span{}, gutter, b)
		if list == nil {
			return
		}
		lead, b.indent = nil, min(indent, p.width/3)
	}
}

// frame tells the place at the end of a line of a stack, "name (/file.py:12)",
// from what stands before it; other texts have none.
func frame(s string) []span {
	at := strings.LastIndex(s, " (") + 1
	if at == 0 || !strings.HasSuffix(s, ")") || !strings.Contains(s[at:], ":") {
		return []span{{s, plain}}
	}
	return []span{{s[:at], plain}, {strings.ReplaceAll(s[at:], " ", nbsp), whole}}
}

func hasRecord(list []any) bool {
	for _, v := range list {
		if _, ok := v.(event.Fields); ok {
			return true
		}
	}
	return false
}

// inWords is a value as a person reads it: a record without its type, without where
// it was read, and without what is unknown in it.
func (p *page) inWords(v any, zone *time.Location) string {
	switch v := v.(type) {
	case event.Fields:
		var out []string
		for _, f := range v {
			if f.Name == "type" || f.Name == "source" || f.Name == "at" || f.Value == nil || f.Value == "" {
				continue
			}
			out = append(out, f.Name+nbsp+p.inWords(f.Value, zone))
		}
		return strings.Join(out, ", ")
	case []any:
		if len(v) == 0 {
			return "none"
		}
		out := make([]string, len(v))
		for i, x := range v {
			out[i] = p.inWords(x, zone)
		}
		if hasRecord(v) {
			return strings.Join(out, "; ")
		}
		return strings.Join(out, ", ")
	default:
		return p.read(v, zone)
	}
}

// read is a value of evidence: a time or a duration loses the digits that
// nobody compares by eye. The record and the report keep them.
func (p *page) read(v any, zone *time.Location) string {
	if s, ok := v.(string); ok && len(s) > len("1.028s") && s[0] >= '0' && s[0] <= '9' {
		if t, err := time.Parse(time.RFC3339Nano, s); err == nil {
			return strings.ReplaceAll(t.In(zone).Format(time.DateTime), " ", nbsp)
		}
		if d, err := time.ParseDuration(s); err == nil {
			return took(d)
		}
	}
	return p.value(v)
}

// clockTime shortens an RFC 3339 time to the part that differs within a run.
func clockTime(s string, zone *time.Location) string {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return s
	}
	return t.In(zone).Format("15:04:05.000")
}
