package engine

import (
	"errors"
	"fmt"
	"slices"

	"go.starlark.net/starlark"

	"runbook/engine/event"
)

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
