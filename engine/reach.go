package engine

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"go.starlark.net/starlark"
	"go.starlark.net/starlarkstruct"
	"go.starlark.net/syntax"
)

// Reach is one effect that a step can have, as far as the text tells. What is
// reached may never be called; what is called is always among what is reached.
//
// The files are loaded and their values frozen, so an alias, a dict of builtins
// or a closure at the top level is a value to look into. Within a function
// every mention of a builtin counts, called or not.
type Reach struct {
	Step      string   `json:"step"`
	Effect    Effect   `json:"effect"`
	Builtin   string   `json:"builtin"`
	Pos       string   `json:"pos"`              // of the mention: "lib/gate.star:12:5"
	Here      string   `json:"here"`             // where the checked file leads there; Pos when it is in that file itself
	Via       []string `json:"via"`              // the functions on the way, the step's own first
	Handed    string   `json:"handed,omitempty"` // the earlier step whose value may hold the function that acts; "" = the step reaches it itself
	Requested bool     `json:"requested"`        // the step asks for that effect

	value bool // it may leave the step within what the step returns
}

// Reaches lists statically every effect that the steps of a recipe's file can
// have, in the order of the steps. Errors: those of Library.Find.
func (c *Checker) Reaches(ctx context.Context, file string) ([]Reach, error) {
	place, err := c.lib.locateFile(file)
	if err != nil {
		return nil, err
	}
	m, err := c.loader.open(ctx, place)
	switch {
	case err != nil:
		return nil, err
	case m.declared == nil:
		return nil, fmt.Errorf("%s: %w", m.shown, ErrNoRecipe)
	}
	out := []Reach{}
	for _, s := range m.declared.steps {
		out = append(out, c.reached(m, s)...)
	}
	return out, nil
}

// reached is what one step can reach: what it mentions, and, if it calls
// functions that only a run knows, what earlier steps may have handed to it.
func (c *Checker) reached(m *module, s Step) []Reach {
	key := stepKey{m, s.Name}
	if _, ok := c.reaches[key]; !ok {
		c.reaches[key] = c.reachedBy(m, s)
	}
	return c.reaches[key]
}

type stepKey struct {
	module *module
	step   string
}

func (c *Checker) reachedBy(m *module, s Step) []Reach {
	own := c.mentions(m, s)
	out := slices.Clone(own.out)
	if !own.dynamic {
		return out
	}
	for _, from := range suppliers(m.declared.steps, s) {
		for _, r := range c.mentions(m, from).out {
			if r.value && !slices.ContainsFunc(out, func(o Reach) bool { return o.Builtin == r.Builtin && o.Pos == r.Pos }) {
				r.Step, r.Handed, r.Requested = s.Name, from.Name, s.needs(r.Effect)
				out = append(out, r)
			}
		}
	}
	return out
}

// suppliers are the earlier steps whose values come to s, also by way of others.
func suppliers(steps []Step, s Step) []Step {
	var out []Step
	wanted := map[string]bool{}
	add := func(s Step) {
		for _, in := range s.Inputs {
			wanted[in.Name] = true
		}
	}
	add(s)
	at := slices.IndexFunc(steps, func(x Step) bool { return x.Name == s.Name })
	for i := at - 1; i >= 0; i-- {
		if wanted[steps[i].Name] {
			out = append(out, steps[i])
			add(steps[i])
		}
	}
	slices.Reverse(out)
	return out
}

// mentions is what the code of one step comes to by itself.
func (c *Checker) mentions(m *module, s Step) *reacher {
	key := stepKey{m, s.Name}
	if r := c.walks[key]; r != nil {
		return r
	}
	r := c.reacher(m, s)
	r.function(s.fn, trail{})
	c.walks[key] = r
	return r
}

// callableFields are the attributes in which some value may hold a function
// that acts: those that a file, or one that it loads, gives to a struct, and the
// members of modules. nil: any attribute may.
func (c *Checker) callableFields(m *module) map[string]bool {
	fields := map[string]bool{}
	for _, b := range c.lib.Builtins {
		if _, member, ok := strings.Cut(b.Name, "."); ok && b.Effect != Looks {
			fields[member] = true
		}
	}
	for _, from := range c.closure(m) {
		p := c.page(from)
		if p.anyField {
			return nil
		}
		for name := range p.fields {
			fields[name] = true
		}
	}
	return fields
}

// closure is a file and all that it loads, directly or not.
func (c *Checker) closure(m *module) []*module {
	out := []*module{m}
	for i := 0; i < len(out); i++ {
		for _, from := range c.page(out[i]).loads {
			if from.module.syntax != nil && !slices.Contains(out, from.module) {
				out = append(out, from.module)
			}
		}
	}
	return out
}

// keyword takes a named argument apart; "" for a positional one and for *args.
func keyword(arg syntax.Expr) (string, syntax.Expr) {
	if b, ok := arg.(*syntax.BinaryExpr); ok && b.Op == syntax.EQ {
		if id, ok := b.X.(*syntax.Ident); ok {
			return id.Name, b.Y
		}
	}
	return "", arg
}

// rowsOf finds the row of the table behind a word of Go.
func rowsOf(l *loader) map[*starlark.Builtin]*Builtin {
	rows := map[*starlark.Builtin]*Builtin{}
	for i := range l.lib.Builtins {
		row := &l.lib.Builtins[i]
		space, name, dotted := strings.Cut(row.Name, ".")
		v := l.words[space]
		if m, ok := v.(*starlarkstruct.Module); ok && dotted {
			v = m.Members[name]
		}
		if b, ok := v.(*starlark.Builtin); ok {
			rows[b] = row
		}
	}
	return rows
}
