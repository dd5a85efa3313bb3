package stage

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"go.starlark.net/starlark"

	"runbook/builtins/probe"
	"runbook/engine"
	"runbook/engine/event"
)

// A part with the name of a word of Go answers its calls, a JSON object a line:
//
//	{"suite": "tests/a.py", "outcome": "hang", "duration": "5s", "hung": 100}
//	{"suite": "tests/a.py", "outcome": "passed"}
//
// A key that is a parameter of the word says which calls the line is for; all
// others are fields of what it returns, and what is left out has its usual value.
// A word that returns a list gives all lines that fit; any other gives one line
// after the other. A word that starts programs has an answer for each call, and
// the call after the last one fails; one that looks gives its last line again.
// Beside the fields there are
//
//	"returns": value    what comes back, of a word that returns no record
//	"error": "text"     the call fails; "denied" and "absent" as from the kernel
//	"after": true       only once a program has been started
//	"during": true      only while a tree is shown to up
//	"hung": PID         the tree of that process is shown to on_hang, as overdue
//	"worker": PID       which process of it runs the test; else that one
//	"lives": PID        the tree of that process is shown to up, three times at most
type row struct {
	wants  map[string]any // by parameter
	facts  map[string]any // by field
	after  bool
	during bool
	hung   int
	lives  int
	works  int // runs the test; 0 = hung does
	fails  string
	value  any // of "returns"
	bare   bool
}

func readRows(b *engine.Builtin, text string) ([]*row, error) {
	typ := typeOf(b)
	var rows []*row
	for number, row := range numbered(text) {
		var m map[string]any
		if err := json.Unmarshal([]byte(row), &m); err != nil {
			return nil, line(number, fmt.Errorf("want a JSON object: %w", err))
		}
		r, err := newRow(b, typ, m)
		if err != nil {
			return nil, line(number, err)
		}
		rows = append(rows, r)
	}
	return rows, nil
}

// numbered gives the lines that say something.
func numbered(text string) func(func(int, string) bool) {
	return func(yield func(int, string) bool) {
		number := 0
		for line := range strings.Lines(text) {
			number++
			if line = strings.TrimSpace(line); line == "" || strings.HasPrefix(line, "#") {
				continue
			}
			if !yield(number, line) {
				return
			}
		}
	}
}

func newRow(b *engine.Builtin, typ string, m map[string]any) (*row, error) {
	r := &row{wants: map[string]any{}, facts: map[string]any{}}
	known := []string{"after", "during", "error", "returns", "hung", "worker", "lives"}
	for key, v := range m {
		switch key {
		case "after", "during":
			is, ok := v.(bool)
			if !ok {
				return nil, fmt.Errorf("%s: want true or false", key)
			}
			*map[string]*bool{"after": &r.after, "during": &r.during}[key] = is
			continue
		case "error":
			var ok bool
			if r.fails, ok = v.(string); !ok {
				return nil, errors.New("error: want a text")
			}
			continue
		case "returns":
			r.value, r.bare = v, true
			continue
		case "hung", "worker", "lives":
			n, ok := v.(float64)
			if !ok || n < 1 {
				return nil, fmt.Errorf("%s: want a pid", key)
			}
			*map[string]*int{"hung": &r.hung, "worker": &r.works, "lives": &r.lives}[key] = int(n)
			continue
		}
		for _, p := range b.Params {
			known = append(known, p.Name)
			if p.Name == key {
				r.wants[key] = v
			}
		}
		fields := fieldsOf(typ)
		names := names(fields)
		known = append(known, names...)
		if slices.Contains(names, key) {
			r.facts[key] = v
		} else if _, isParam := r.wants[key]; !isParam {
			hint := ""
			if n := engine.Nearest(key, known); n != "" {
				hint = fmt.Sprintf(" (did you mean %s?)", n)
			}
			return nil, fmt.Errorf("%q is neither a parameter of %s nor a field of %s%s", key, b.Name, what(typ), hint)
		}
	}
	if typ == "" && !r.bare && r.fails == "" {
		return nil, fmt.Errorf(`%s returns %s: say it with "returns"`, b.Name, b.Returns)
	}
	_, err := r.answer(typ) // now, so that the mistake has its line
	return r, err
}

func what(typ string) string {
	if typ == "" {
		return "what it returns"
	}
	return typ
}

// fits reports whether a call is one that the row answers.
func (r *row) fits(given map[string]starlark.Value) bool {
	for name, want := range r.wants {
		got, ok := given[name]
		if !ok {
			continue // with its default, which nobody wrote down
		}
		if list, ok := got.(starlark.Iterable); ok {
			if _, wantsList := want.([]any); !wantsList && got.Type() != "string" {
				if !slices.ContainsFunc(slices.Collect(starlark.Elements(list)), func(x starlark.Value) bool { return same(want, x) }) {
					return false
				}
				continue
			}
		}
		if !same(want, got) {
			return false
		}
	}
	return true
}

func same(want any, got starlark.Value) bool {
	v, err := plain(want)
	if err != nil {
		return false
	}
	equal, err := starlark.Equal(v, got)
	return err == nil && equal || v.String() == got.String()
}

func (r *row) answer(typ string) (starlark.Value, error) {
	if r.bare {
		return plain(r.value)
	}
	if typ == "" {
		return starlark.None, nil
	}
	return newRecord(typ, r.facts)
}

// playRows makes the word answer from the rows.
func (s *Set) playRows(b *engine.Builtin, rows []*row) {
	typ, list := typeOf(b), strings.HasPrefix(b.Returns, "list of ")
	used := map[*row]bool{}
	b.Asks = false
	b.Func = func(call *engine.Call, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
		given := bind(b, args, kwargs)
		if call.DryRun && b.Effect != engine.Looks {
			return nil, call.Confirm(b.Effect, event.View{Kind: "table", Title: "would " + string(b.Effect) + " " + b.Name, Nodes: []event.Node{}})
		}
		if b.Effect == engine.Run {
			defer func() { s.ran = append(s.ran, commandLine(b, given)) }()
		}
		var out []starlark.Value
		var last *row
		for _, r := range rows {
			if r.after && len(s.ran) == 0 || r.during && !s.shows || !r.fits(given) {
				continue
			}
			last = r
			if !list && used[r] {
				continue
			}
			used[r] = true
			v, err := s.give(call, typ, r, given)
			if err != nil || !list || r.bare {
				return v, err
			}
			out = append(out, v)
		}
		switch {
		case list:
			return starlark.NewList(out), nil
		case last != nil && b.Effect == engine.Looks:
			return s.give(call, typ, last, given)
		}
		return nil, fmt.Errorf("the test has no further answer to %s", commandLine(b, given))
	}
}

func (s *Set) give(call *engine.Call, typ string, r *row, given map[string]starlark.Value) (starlark.Value, error) {
	if r.fails != "" {
		return nil, &unseen{probe: call.Name, text: r.fails}
	}
	if up := given["up"]; r.lives > 0 && up != nil && up != starlark.None {
		tree, err := s.tree(call, r, r.lives, "")
		if err != nil {
			return nil, err
		}
		s.shows = true
		defer func() { s.shows = false }()
		for range 3 {
			is, err := starlark.Call(call.Thread, up, starlark.Tuple{tree}, nil)
			if err != nil {
				return nil, err
			}
			if is.Truth() {
				break
			}
		}
	}
	if hang := given["on_hang"]; r.hung > 0 && hang != nil && hang != starlark.None {
		overdue := fmt.Sprintf("the deadline of %v was over", r.facts["duration"])
		if r.lives > 0 && r.facts["came_up"] != true {
			overdue = "" // it was to come up, and not to end
		}
		tree, err := s.tree(call, r, r.hung, overdue)
		if err != nil {
			return nil, err
		}
		if _, err := starlark.Call(call.Thread, hang, starlark.Tuple{tree}, nil); err != nil {
			return nil, err
		}
	}
	return r.answer(typ)
}

// unseen is the error of a call that the test lets fail.
type unseen struct{ probe, text string }

func (e *unseen) Error() string { return e.probe + ": " + e.text }
func (e *unseen) Probe() string { return e.probe }
func (*unseen) Remedy() string  { return "" }
func (e *unseen) Unwrap() error {
	switch e.text {
	case "denied":
		return fs.ErrPermission
	case "absent":
		return fs.ErrNotExist
	case "timeout":
		return probe.ErrTimeout
	}
	return nil
}

// tree is the tree of a process of the world and all below it; overdue is why it
// should have ended, "" it need not.
func (s *Set) tree(call *engine.Call, r *row, of int, overdue string) (starlark.Value, error) {
	use := func(name string, args ...starlark.Value) (starlark.Value, error) {
		at := slices.IndexFunc(s.Builtins, func(b engine.Builtin) bool { return b.Name == name })
		return s.Builtins[at].Func(call, args, nil)
	}
	all, err := use("ps", starlark.None, starlark.NewList([]starlark.Value{starlark.MakeInt(of)}))
	if err != nil {
		return nil, err
	}
	var root starlark.Value
	doing := starlark.NewDict(1)
	tests, _ := r.facts["running"].([]any)
	for p := range starlark.Elements(all.(*starlark.List)) {
		v, _ := p.(starlark.HasAttrs).Attr("pid")
		pid, _ := starlark.AsInt32(v)
		if pid == of {
			root = p
		}
		phase, _ := r.facts["phase"].(string)
		switch {
		case pid == cmp.Or(r.works, of) && len(tests) > 0:
			_ = doing.SetKey(p, starlark.String(fmt.Sprintf("%v (%s)", tests[0], phase)))
		case pid == of && len(tests) == 0 && phase != "":
			_ = doing.SetKey(p, starlark.String("phase "+phase))
		}
	}
	if root == nil {
		return nil, fmt.Errorf("the world has no process %d", of)
	}
	return use("tree", root, all, starlark.None, doing, starlark.String(overdue))
}

// commandLine is a call as the findings of a test show it: the word, its first
// argument, and the list of further ones.
func commandLine(b *engine.Builtin, given map[string]starlark.Value) string {
	words := []string{b.Name}
	for i, p := range b.Params {
		v := given[p.Name]
		if text, ok := starlark.AsString(v); ok && i == 0 {
			first, _, more := strings.Cut(text, "\n")
			if more {
				first += " …"
			}
			words = append(words, first)
		}
		if list, ok := v.(starlark.Iterable); ok && (i == 0 || p.Name == "args") {
			for x := range starlark.Elements(list) {
				if text, ok := starlark.AsString(x); ok {
					words = append(words, text)
				}
			}
		}
	}
	return strings.Join(words, " ")
}
