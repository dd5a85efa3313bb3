package builtins

import (
	"encoding/json"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	startime "go.starlark.net/lib/time"
	"go.starlark.net/starlark"

	"runbook/engine"
	"runbook/engine/event"
)

// record is a fact as a recipe sees it: p.pid, s.recv_q.
//
// Its kind is a table of fields. That one table feeds attribute access, "did
// you mean .recv_q?", evidence, JSON and the reference; nothing is found by
// reflection and nothing is said twice. A record never changes, so freezing it
// does nothing.
type record[T any] struct {
	kind   *kind[T]
	it     T
	source string    // procfs, sock_diag, getfd …
	at     time.Time // of the reading
	id     uint32    // for Hash: one a record
}

// kind is a type of record.
type kind[T any] struct {
	name   string // "process", as type() says
	doc    string // one sentence
	text   func(T) string
	fields []field[T]
}

// field is one attribute of a record. get returns starlark.None for unknown.
type field[T any] struct {
	name string
	typ  string // "int", "list of string", "duration or None"
	doc  string // unit, and the meaning of zero, empty and None
	get  func(T) starlark.Value
	// aside fields are left out of evidence and JSON: they say again what
	// another field says, or lead to a whole other record.
	aside bool
}

var records atomic.Uint32

func newRecord[T any](k *kind[T], it T, source string, at time.Time) *record[T] {
	return &record[T]{kind: k, it: it, source: source, at: at, id: records.Add(1)}
}

// String is short and says which one it is: process(beta pid 24377).
func (r *record[T]) String() string {
	if r.kind.text == nil {
		return r.kind.name
	}
	return r.kind.name + "(" + r.kind.text(r.it) + ")"
}

func (r *record[T]) Type() string          { return r.kind.name }
func (r *record[T]) Freeze()               {}
func (r *record[T]) Truth() starlark.Bool  { return true }
func (r *record[T]) Hash() (uint32, error) { return r.id * 2654435761, nil } // spreads neighbours apart

// Attr returns nil for a name that no field has: Starlark then looks through
// AttrNames for what may have been meant.
func (r *record[T]) Attr(name string) (starlark.Value, error) {
	switch name {
	case "source":
		return orNone(r.source), nil
	case "at":
		return moment(r.at), nil
	}
	for i := range r.kind.fields {
		if f := &r.kind.fields[i]; f.name == name {
			v := f.get(r.it)
			v.Freeze()
			return v, nil
		}
	}
	return nil, nil
}

func (r *record[T]) AttrNames() []string {
	names := []string{"at", "source"}
	for _, f := range r.kind.fields {
		names = append(names, f.name)
	}
	slices.Sort(names)
	return names
}

// Fields is the record as evidence: its type, source and time, and what is
// known of it. Unknown values are left out: evidence says what was seen.
func (r *record[T]) Fields() event.Fields {
	out := event.Fields{{Name: "type", Value: r.kind.name}}
	if r.source != "" {
		out = append(out, event.Field{Name: "source", Value: r.source})
	}
	if !r.at.IsZero() {
		out = append(out, event.Field{Name: "at", Value: r.at.Format(time.RFC3339Nano)})
	}
	for _, f := range r.kind.fields {
		if f.aside {
			continue
		}
		if v := fact(f.get(r.it)); v != nil {
			out = append(out, event.Field{Name: f.name, Value: v})
		}
	}
	return out
}

// MarshalJSON is what json.encode(record) gives in a recipe.
func (r *record[T]) MarshalJSON() ([]byte, error) { return json.Marshal(r.Fields()) }

// fact turns a Starlark value into one that event.Fields may hold. A process
// within another record is named, not unfolded.
func fact(v starlark.Value) any {
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
		return float64(v)
	case starlark.String:
		return string(v)
	case startime.Duration:
		return time.Duration(v).String()
	case startime.Time:
		return time.Time(v).Format(time.RFC3339Nano)
	case interface{ Subject() event.Subject }:
		return v.Subject().Label()
	case interface{ Fields() event.Fields }:
		return v.Fields()
	case *starlark.Dict:
		out := event.Fields{}
		for _, item := range v.Items() {
			name, ok := starlark.AsString(item[0])
			if !ok {
				name = item[0].String()
			}
			out = append(out, event.Field{Name: name, Value: fact(item[1])})
		}
		return out
	case starlark.Iterable:
		out := []any{}
		for x := range starlark.Elements(v) {
			out = append(out, fact(x))
		}
		return out
	default:
		return v.String()
	}
}

// Described is a type of record as the reference prints it.
type Described = engine.Type

func (k *kind[T]) describe() Described {
	d := Described{Name: k.name, Doc: k.doc}
	for _, f := range k.fields {
		d.Fields = append(d.Fields, engine.Field{Name: f.name, Type: f.typ, Doc: f.doc})
	}
	return d
}

// The rest says how Go values become Starlark values: unknown is None.

func integer[I int | int32 | int64](n I) starlark.Value { return starlark.MakeInt64(int64(n)) }
func unsigned(n uint64) starlark.Value                  { return starlark.MakeUint64(n) }
func text(s string) starlark.Value                      { return starlark.String(s) }
func truth(b bool) starlark.Value                       { return starlark.Bool(b) }
func span(d time.Duration) starlark.Value               { return startime.Duration(d) }

// unless gives n, or None when n is the value that stands for unknown.
func unless(unknown, n int) starlark.Value {
	if n == unknown {
		return starlark.None
	}
	return starlark.MakeInt(n)
}

// orNone gives s, or None when it is empty.
func orNone(s string) starlark.Value {
	if s == "" {
		return starlark.None
	}
	return starlark.String(s)
}

func moment(t time.Time) starlark.Value {
	if t.IsZero() {
		return starlark.None
	}
	return startime.Time(t)
}

func listOf[T any](items []T, wrap func(T) starlark.Value) *starlark.List {
	values := make([]starlark.Value, len(items))
	for i, x := range items {
		values[i] = wrap(x)
	}
	return starlark.NewList(values)
}

// method is a record's field that is called: sample.of(p).
func method(name string, f func(args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error)) starlark.Value {
	return starlark.NewBuiltin(name, func(_ *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
		return f(args, kwargs)
	})
}

var (
	_ starlark.HasAttrs = (*record[int])(nil)
	_ fmt.Stringer      = (*record[int])(nil)
	_ json.Marshaler    = (*record[int])(nil)
)
