package engine

import (
	"fmt"
	"math"
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
