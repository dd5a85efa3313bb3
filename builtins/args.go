package builtins

import (
	"fmt"
	"regexp"

	"go.starlark.net/starlark"

	"runbook/builtins/probe"
	"runbook/engine"
)

// The types here unpack the arguments that several builtins take, with
// starlark.UnpackArgs.

// pattern takes a regexp value, or a string that is one. "" matches nothing in
// particular and counts as not given.
type pattern struct{ re *regexp.Regexp }

func (p *pattern) Unpack(v starlark.Value) error {
	source, ok := starlark.AsString(v)
	if !ok {
		// The engine's regexp value is known by its attribute, not by its Go
		// type: a recipe may bring its own.
		if x, is := v.(starlark.HasAttrs); is {
			if a, err := x.Attr("pattern"); err == nil && a != nil {
				source, ok = starlark.AsString(a)
			}
		}
	}
	if !ok {
		return fmt.Errorf("got %s, want a regexp or string", v.Type())
	}
	if source == "" {
		return nil
	}
	re, err := engine.CompileRegexp(source)
	if err != nil {
		return fmt.Errorf("%q: %w", source, err)
	}
	p.re = re
	return nil
}

// pidList takes ints and processes, one or several.
type pidList []int

func (l *pidList) Unpack(v starlark.Value) error {
	return each(v, "int or process", func(x starlark.Value) bool {
		switch x := x.(type) {
		case *process:
			*l = append(*l, x.it.PID)
		case starlark.Int:
			pid, ok := x.Int64()
			if !ok || pid < 1 || pid > 1<<31-1 {
				return false
			}
			*l = append(*l, int(pid))
		default:
			return false
		}
		return true
	})
}

// processList takes processes, one or several, and trees of them.
type processList []*process

func (l *processList) Unpack(v starlark.Value) error {
	seen := map[probe.ID]bool{}
	add := func(p *process) {
		if !seen[p.it.ID] {
			seen[p.it.ID] = true
			*l = append(*l, p)
		}
	}
	return each(v, "process or tree", func(x starlark.Value) bool {
		switch x := x.(type) {
		case *process:
			add(x)
		case *tree:
			for _, p := range x.it.processes {
				add(p)
			}
		default:
			return false
		}
		return true
	})
}

func (l processList) probe() []probe.Process {
	out := make([]probe.Process, len(l))
	for i, p := range l {
		out[i] = *p.it
	}
	return out
}

// byPID finds the process of a pid among those that were read together.
func (l processList) byPID() func(pid int) starlark.Value {
	index := make(map[int]*process, len(l))
	for _, p := range l {
		index[p.it.PID] = p
	}
	return func(pid int) starlark.Value {
		if p := index[pid]; p != nil {
			return p
		}
		return starlark.None
	}
}

// oneProcess takes exactly one.
type oneProcess struct{ *process }

func (o *oneProcess) Unpack(v starlark.Value) error {
	p, ok := v.(*process)
	if !ok {
		return fmt.Errorf("got %s, want process", v.Type())
	}
	o.process = p
	return nil
}

// each calls take with v, or with the elements of v when it is a sequence. take
// says whether it could use the value.
func each(v starlark.Value, want string, take func(starlark.Value) bool) error {
	list, ok := v.(starlark.Iterable)
	if !ok {
		if !take(v) {
			return fmt.Errorf("got %s, want %s, or a list of them", v, want)
		}
		return nil
	}
	i := 0
	for x := range starlark.Elements(list) {
		if !take(x) {
			return fmt.Errorf("element %d is %s, want %s", i, x, want)
		}
		i++
	}
	return nil
}
