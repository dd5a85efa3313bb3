package stage

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	startime "go.starlark.net/lib/time"
	"go.starlark.net/starlark"

	"runbook/builtins"
	"runbook/builtins/probe/world"
	"runbook/engine"
	"runbook/engine/event"
)

// types are the records that words return, by name.
var types = sync.OnceValue(func() map[string]engine.Type {
	out := map[string]engine.Type{}
	for _, t := range builtins.Types() {
		out[t.Name] = t
	}
	return out
})

// usual is what a field is where a test does not say, unless it is empty.
var usual = map[string]map[string]any{
	"attempt":   {"duration": "1s", "exit_code": 0.0, "python": "python3", "version": "pytest 9.0"},
	"test":      {"duration": "100ms", "phase": "call"},
	"bare_call": {"runner": "sync", "took": "2ms", "python": "python3", "why": "as named", "version": "3.11.7"},
	"booted":    {"exit_code": 0.0, "duration": "2s"},
	"guarded":   {"has_guard": true, "argv": []any{"python3"}, "python": "python3", "why": "as named", "version": "3.11.7"},
	"segment":   {"size": 4096.0, "certain": true},
}

// typeOf is the type of record that a word returns, one or a list of it; "" when
// it returns none.
func typeOf(b *engine.Builtin) string {
	first, _, _ := strings.Cut(strings.TrimPrefix(b.Returns, "list of "), ";")
	first, _, _ = strings.Cut(first, ",")
	first, _, _ = strings.Cut(first, " or ")
	if _, ok := types()[first]; ok {
		return first
	}
	return ""
}

func fieldsOf(typ string) []engine.Field { return types()[typ].Fields }

func names(fields []engine.Field) []string {
	out := make([]string, 0, len(fields))
	for _, f := range fields {
		out = append(out, f.Name)
	}
	return out
}

// record is a value of one of the types that a test wrote down. What a recipe
// may ask of the real one it may ask of this.
type record struct {
	typ    string
	fields starlark.StringDict
}

// newRecord makes a record of JSON facts. Errors name the field.
func newRecord(typ string, facts map[string]any) (starlark.Value, error) {
	r := &record{typ: typ, fields: starlark.StringDict{"source": starlark.String("test"), "at": startime.Time(world.Now)}}
	fields := fieldsOf(typ)
	for name := range facts {
		if !slices.Contains(names(fields), name) {
			hint := ""
			if n := engine.Nearest(name, names(fields)); n != "" {
				hint = fmt.Sprintf(" (did you mean %s?)", n)
			}
			return nil, fmt.Errorf("%s has no field %q%s", typ, name, hint)
		}
	}
	for _, f := range fields {
		v, given := facts[f.Name]
		if !given {
			v, given = usual[typ][f.Name]
		}
		if !given {
			r.fields[f.Name] = empty(f.Type)
			continue
		}
		value, err := valueOf(f.Type, v)
		if err != nil {
			return nil, fmt.Errorf("%s of %s: %w", f.Name, typ, err)
		}
		r.fields[f.Name] = value
	}
	r.count(facts)
	r.fields.Freeze()
	if typ == "test" || typ == "process" {
		return subject{r}, nil
	}
	return r, nil
}

// count fills in how many tests came to what, where the test lists them.
func (r *record) count(facts map[string]any) {
	if r.typ != "attempt" {
		return
	}
	for field, outcomes := range map[string][]string{
		"passed": {"passed", "xpassed"}, "failed": {"failed"}, "errors": {"error"}, "skipped": {"skipped", "xfailed"},
	} {
		if _, given := facts[field]; given {
			continue
		}
		n := 0
		for t := range starlark.Elements(r.fields["tests"].(*starlark.List)) {
			outcome, _ := starlark.AsString(t.(subject).fields["outcome"])
			if slices.Contains(outcomes, outcome) {
				n++
			}
		}
		r.fields[field] = starlark.MakeInt(n)
	}
}

// empty is a value of a type of which nothing is known.
func empty(typ string) starlark.Value {
	if strings.Contains(typ, "or None") {
		return starlark.None
	}
	switch first, _, _ := strings.Cut(typ, " "); first {
	case "string":
		return starlark.String("")
	case "int":
		return starlark.MakeInt(0)
	case "float":
		return starlark.Float(0)
	case "bool":
		return starlark.False
	case "duration":
		return startime.Duration(0)
	case "time":
		return startime.Time(world.Now)
	case "list":
		return starlark.NewList(nil)
	case "dict":
		return starlark.NewDict(0)
	}
	return starlark.None
}

// valueOf is a JSON value as a field of that type has it.
func valueOf(typ string, v any) (starlark.Value, error) {
	one := strings.TrimSuffix(typ, " or None")
	if v == nil {
		return starlark.None, nil
	}
	wrong := fmt.Errorf("got %s, want %s", jsonText(v), typ)
	if of, ok := strings.CutPrefix(one, "list of "); ok {
		items, ok := v.([]any)
		if !ok {
			return nil, wrong
		}
		list := make([]starlark.Value, len(items))
		for i, x := range items {
			var err error
			if list[i], err = valueOf(of, x); err != nil {
				return nil, fmt.Errorf("[%d]: %w", i, err)
			}
		}
		return starlark.NewList(list), nil
	}
	switch m, isObject := v.(map[string]any); {
	case isObject && types()[one].Name != "":
		return newRecord(one, m)
	case one == "duration":
		text, _ := v.(string)
		d, err := time.ParseDuration(text)
		if err != nil {
			return nil, fmt.Errorf(`%w, as in "1m30s"`, wrong)
		}
		return startime.Duration(d), nil
	case one == "time":
		text, _ := v.(string)
		at, err := time.Parse(time.RFC3339, text)
		if err != nil {
			return nil, fmt.Errorf(`%w, as in "2026-01-02T03:04:05Z"`, wrong)
		}
		return startime.Time(at), nil
	}
	value, err := plain(v)
	if err != nil {
		return nil, err
	}
	if one == "float" {
		if n, ok := v.(float64); ok {
			return starlark.Float(n), nil
		}
	}
	if slices.Contains([]string{"string", "int", "bool", "float"}, one) && value.Type() != one {
		return nil, wrong
	}
	return value, nil
}

func jsonText(v any) string {
	b, _ := json.Marshal(v)
	return string(b)
}

// plain is a JSON value as Starlark has it.
func plain(v any) (starlark.Value, error) {
	switch v := v.(type) {
	case nil:
		return starlark.None, nil
	case bool:
		return starlark.Bool(v), nil
	case string:
		return starlark.String(v), nil
	case float64:
		if v == math.Trunc(v) && math.Abs(v) < 1<<53 {
			return starlark.MakeInt64(int64(v)), nil
		}
		return starlark.Float(v), nil
	case []any:
		items := make([]starlark.Value, len(v))
		for i, x := range v {
			var err error
			if items[i], err = plain(x); err != nil {
				return nil, err
			}
		}
		return starlark.NewList(items), nil
	case map[string]any:
		d := starlark.NewDict(len(v))
		for key, x := range v {
			value, err := plain(x)
			if err != nil {
				return nil, err
			}
			_ = d.SetKey(starlark.String(key), value)
		}
		return d, nil
	}
	return nil, fmt.Errorf("%v has no place in a recipe", v)
}

func (r *record) String() string       { return r.typ + "(of a test)" }
func (r *record) Type() string         { return r.typ }
func (r *record) Freeze()              {}
func (r *record) Truth() starlark.Bool { return true }
func (r *record) Hash() (uint32, error) {
	return starlark.String(fmt.Sprintf("%p", r)).Hash()
}
func (r *record) AttrNames() []string { return r.fields.Keys() }

// Attr returns nil for a name that no field has.
func (r *record) Attr(name string) (starlark.Value, error) { return r.fields[name], nil }

// Fields is the record as evidence: its name alone, for the rest is the test's
// own words.
func (r *record) Fields() event.Fields { return event.Fields{{Name: "type", Value: r.typ}} }

// subject is a record that a finding can be about: a test, or a process.
type subject struct{ *record }

// Subject is what a finding says that it is about.
func (s subject) Subject() event.Subject {
	text := func(name string) string { t, _ := starlark.AsString(s.fields[name]); return t }
	if s.typ == "test" {
		return event.Subject{Type: "test", ID: text("id")}
	}
	pid, _ := starlark.AsInt32(s.fields["pid"])
	return event.Subject{Type: "process", PID: pid, Name: text("name")}
}
