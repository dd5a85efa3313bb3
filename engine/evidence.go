package engine

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	startime "go.starlark.net/lib/time"
	"go.starlark.net/starlark"

	"runbook/engine/event"
)

const maxDeep = 32 // deeper than any evidence; a list may contain itself

// fieldOf turns a value of a recipe into one of event.Fields. What has no form
// of its own becomes its text.
func fieldOf(v starlark.Value) any { return fieldAt(v, 0) }

func fieldAt(v starlark.Value, depth int) any {
	if depth > maxDeep {
		return "…"
	}
	switch v := v.(type) {
	case starlark.NoneType:
		return nil
	case starlark.Bool:
		return bool(v)
	case starlark.Int:
		if i, ok := v.Int64(); ok {
			return i
		}
		if u, ok := v.Uint64(); ok {
			return u
		}
		return v.String()
	case starlark.Float:
		return cleanField(float64(v), depth)
	case starlark.String:
		return cleanText(string(v))
	case starlark.Bytes:
		return cleanText(string(v))
	case startime.Duration:
		return time.Duration(v).String()
	case startime.Time:
		return time.Time(v).Format(time.RFC3339Nano)
	case *Regexp:
		return cleanText(v.re.String())
	case Fielder:
		return cleanField(v.Fields(), depth)
	case Subjecter:
		return cleanText(v.Subject().Label())
	case *starlark.Dict:
		fields := event.Fields{}
		for _, item := range v.Items() {
			fields = append(fields, event.Field{Name: fieldName(item[0]), Value: fieldAt(item[1], depth+1)})
		}
		return fields
	case starlark.Iterable:
		list := []any{}
		iter := v.Iterate()
		defer iter.Done()
		var x starlark.Value
		for iter.Next(&x) {
			list = append(list, fieldAt(x, depth+1))
		}
		return list
	default:
		return cleanText(v.String())
	}
}

func fieldName(v starlark.Value) string {
	if s, ok := starlark.AsString(v); ok {
		return cleanText(s)
	}
	return cleanText(v.String())
}

// cleanField brings what a builtin gave as evidence into the few forms that
// survive a record: reading it back must give the same.
func cleanField(v any, depth int) any {
	if depth > maxDeep {
		return "…"
	}
	switch v := v.(type) {
	case nil, bool, int64, uint64:
		return v
	case int:
		return int64(v)
	case string:
		return cleanText(v)
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return fmt.Sprint(v) // JSON has no word for it
		}
		return v
	case event.Fields:
		out := make(event.Fields, len(v))
		for i, f := range v {
			out[i] = event.Field{Name: cleanText(f.Name), Value: cleanField(f.Value, depth+1)}
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, x := range v {
			out[i] = cleanField(x, depth+1)
		}
		return out
	case []string:
		out := make([]any, len(v))
		for i, x := range v {
			out[i] = cleanText(x)
		}
		return out
	case time.Duration:
		return v.String()
	case time.Time:
		return v.Format(time.RFC3339Nano)
	default:
		return cleanText(fmt.Sprint(v))
	}
}

// evidenceOf reads the argument `evidence`: a value with fields, a dict, a text,
// or a list of these.
func evidenceOf(v starlark.Value) ([]event.Fields, error) {
	if isFields(v) {
		return []event.Fields{fieldOf(v).(event.Fields)}, nil
	}
	switch v := v.(type) {
	case starlark.NoneType:
		return []event.Fields{}, nil
	case starlark.String:
		return []event.Fields{{{Name: "text", Value: cleanText(string(v))}}}, nil
	case starlark.Iterable:
		out := []event.Fields{}
		iter := v.Iterate()
		defer iter.Done()
		var x starlark.Value
		for i := 0; iter.Next(&x); i++ {
			if _, nested := x.(starlark.Iterable); nested && !isFields(x) {
				return nil, fmt.Errorf("evidence[%d]: got %s, want a value with fields, a dict or a string", i, x.Type())
			}
			one, err := evidenceOf(x)
			if err != nil {
				return nil, fmt.Errorf("evidence[%d]: %w", i, err)
			}
			out = append(out, one...)
		}
		return out, nil
	default:
		return nil, fmt.Errorf("evidence: got %s, want a value with fields, a dict, a string or a list of these", v.Type())
	}
}

func isFields(v starlark.Value) bool {
	switch v.(type) {
	case Fielder, *starlark.Dict:
		return true
	}
	return false
}

// subjectsOf reads `victims` or `members`: a subject or a list of them.
func subjectsOf(word string, v starlark.Value) ([]event.Subject, error) {
	switch v.(type) {
	case Subjecter, *starlark.Dict, starlark.String:
		s, err := subjectOf(v)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", word, err)
		}
		return []event.Subject{*s}, nil
	}
	switch v := v.(type) {
	case starlark.NoneType:
		return []event.Subject{}, nil
	case starlark.Iterable:
		out := []event.Subject{}
		iter := v.Iterate()
		defer iter.Done()
		var x starlark.Value
		for i := 0; iter.Next(&x); i++ {
			s, err := subjectOf(x)
			if err != nil {
				return nil, fmt.Errorf("%s[%d]: %w", word, i, err)
			}
			if s != nil {
				out = append(out, *s)
			}
		}
		return out, nil
	default:
		return nil, fmt.Errorf("%s: got %s, want a process or a list of processes", word, v.Type())
	}
}

// subjectOf reads one subject; None is nobody. A bare text is refused: whether
// it is a path, an address or a test would be a guess.
func subjectOf(v starlark.Value) (*event.Subject, error) {
	switch v := v.(type) {
	case starlark.NoneType:
		return nil, nil
	case Subjecter:
		s := cleanSubject(v.Subject())
		return &s, nil
	case *starlark.Dict:
		s, err := dictSubject(v)
		if err != nil {
			return nil, err
		}
		return &s, nil
	case starlark.String:
		return nil, fmt.Errorf("got the string %q, want a process, or say what it is: {%q: %q, %q: %q}", oneLine(string(v)), "type", "path", "path", oneLine(string(v)))
	case *starlark.List, starlark.Tuple, *starlark.Set:
		return nil, fmt.Errorf("got %s, want one subject (members takes several)", v.Type())
	default:
		return nil, fmt.Errorf("got %s, want a process, or a dict with a type", v.Type())
	}
}

// subjectFields are the keys that a dict may have, by type.
var subjectFields = map[string][]string{
	"process": {"pid", "start_time", "name", "cmdline"},
	"path":    {"path"},
	"address": {"address"},
	"test":    {"id"},
	"source":  {"path", "line", "column"},
	"run":     {"id"},
}

func dictSubject(d *starlark.Dict) (event.Subject, error) {
	var s event.Subject
	kind, found, _ := d.Get(starlark.String("type"))
	if !found {
		return s, errors.New(`dict has no "type" (process, path, address, test, source or run)`)
	}
	s.Type, _ = starlark.AsString(kind)
	keys, ok := subjectFields[s.Type]
	if !ok {
		return s, fmt.Errorf("unknown type %s (want process, path, address, test, source or run)", kind)
	}
	for _, item := range d.Items() {
		key, _ := starlark.AsString(item[0])
		if key == "type" {
			continue
		}
		if !slices.Contains(keys, key) {
			hint := ""
			if n := Nearest(key, keys); n != "" {
				hint = fmt.Sprintf(" (did you mean %s?)", n)
			}
			return s, fmt.Errorf("a %s has no %s%s", s.Type, item[0], hint)
		}
		if err := setSubject(&s, key, item[1]); err != nil {
			return s, fmt.Errorf("%s: %w", key, err)
		}
	}
	if first := keys[0]; s.PID == 0 && s.Path == "" && s.Address == "" && s.ID == "" {
		return s, fmt.Errorf("a %s needs its %s", s.Type, first)
	}
	return cleanSubject(s), nil
}

func setSubject(s *event.Subject, key string, v starlark.Value) error {
	switch key {
	case "pid", "line", "column":
		n, err := starlark.AsInt32(v)
		if err != nil {
			return err
		}
		*map[string]*int{"pid": &s.PID, "line": &s.Line, "column": &s.Column}[key] = n
	case "cmdline":
		list, ok := v.(starlark.Iterable)
		if !ok {
			return fmt.Errorf("got %s, want a list of strings", v.Type())
		}
		iter := list.Iterate()
		defer iter.Done()
		var x starlark.Value
		for iter.Next(&x) {
			word, ok := starlark.AsString(x)
			if !ok {
				return fmt.Errorf("got %s in the list, want string", x.Type())
			}
			s.Cmdline = append(s.Cmdline, word)
		}
	default:
		text, ok := starlark.AsString(v)
		if !ok {
			return fmt.Errorf("got %s, want string", v.Type())
		}
		*map[string]*string{"start_time": &s.StartTime, "name": &s.Name, "path": &s.Path, "address": &s.Address, "id": &s.ID}[key] = text
	}
	return nil
}

func cleanSubject(s event.Subject) event.Subject {
	for _, p := range []*string{&s.Type, &s.StartTime, &s.Name, &s.Path, &s.Address, &s.ID} {
		*p = cleanText(*p)
	}
	s.Cmdline = slices.Clone(s.Cmdline)
	for i := range s.Cmdline {
		s.Cmdline[i] = cleanText(s.Cmdline[i])
	}
	return s
}

func cleanView(v event.View) event.View {
	v.Kind, v.Title = cleanText(v.Kind), cleanText(v.Title)
	v.Columns = cleanTexts(v.Columns)
	nodes := make([]event.Node, len(v.Nodes))
	for i, n := range v.Nodes {
		n.ID, n.Parent, n.Label, n.Cells = cleanText(n.ID), cleanText(n.Parent), cleanText(n.Label), cleanTexts(n.Cells)
		if n.Subject != nil {
			s := cleanSubject(*n.Subject)
			n.Subject = &s
		}
		nodes[i] = n
	}
	v.Nodes = nodes
	edges := slices.Clone(v.Edges)
	for i := range edges {
		e := &edges[i]
		e.From, e.To, e.Kind, e.Label = cleanText(e.From), cleanText(e.To), cleanText(e.Kind), cleanText(e.Label)
	}
	v.Edges = edges
	return v
}

func cleanTexts(in []string) []string {
	out := slices.Clone(in)
	for i := range out {
		out[i] = cleanText(out[i])
	}
	return out
}
