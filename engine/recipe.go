package engine

import (
	"time"

	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
)

// Recipe is one loaded file: a title, guidance, parameters and steps. It is
// frozen and may be run many times, also at the same time.
type Recipe struct {
	Name    string // the file's name without .star
	Title   string // the first "# " heading of the docstring; the name when there is none
	Doc     string // markdown of the whole docstring, dedented
	Summary string // one line
	Tags    []string
	Params  []Param // in the order of the dict
	Steps   []Step  // in the order in which they run

	Origin   string // "embedded", or the path it was read from
	Path     string // of the file within its root: "wedged-actor.star"
	Digest   string // "sha256:…" of Source
	Content  string // "h1:…" of Source and of all that it loads but what ships with the tool: who trusts this trusts no more
	Source   string
	Pos      string // where recipe(…) was called
	Embedded bool
	Trusted  bool   // embedded, or the user's own: naming it grants the `run` it declares
	Shadows  string // origin of the recipe of the same name that this one hides; "" = none

	explain *Explain          // nil: nobody notes what its lines see
	sources map[string]string // every file it is made of, by the name used in positions
}

// Step is one function of a recipe.
type Step struct {
	Name     string
	Title    string // first line of the docstring; the name when there is none
	Guidance string // markdown: the rest of the docstring, dedented
	Needs    []Effect
	Inputs   []Input
	Deadline time.Duration // 0 = none was asked for: see Engine.Deadline
	Pos      string        // of its def

	fn *starlark.Function
}

// Input is a parameter of a step: the name of a recipe parameter or of an
// earlier step.
type Input struct {
	Name     string
	Optional bool   // has a default, which stands in when the value is missing
	Default  string // Starlark text; "" when required
	Pos      string

	value starlark.Value // the default
}

// Param returns the parameter of that name.
func (r *Recipe) Param(name string) (Param, bool) {
	for _, p := range r.Params {
		if p.Name == name {
			return p, true
		}
	}
	return Param{}, false
}

// needs reports whether the step asked for that effect.
func (s Step) needs(effect Effect) bool {
	for _, e := range s.Needs {
		if e == effect {
			return true
		}
	}
	return false
}

func newStep(fn *starlark.Function, needs []Effect, deadline time.Duration) Step {
	title, guidance := splitDoc(fn.Doc())
	if title == "" {
		title = fn.Name()
	}
	s := Step{
		Name: fn.Name(), Title: title, Guidance: guidance, Needs: needs,
		Deadline: deadline, Pos: position(fn.Position()), fn: fn,
	}
	for i := range fn.NumParams() {
		name, pos := fn.Param(i)
		in := Input{Name: name, Pos: position(pos)}
		if v := fn.ParamDefault(i); v != nil {
			in.Optional, in.Default, in.value = true, v.String(), v
		}
		s.Inputs = append(s.Inputs, in)
	}
	return s
}

// position is a place as events and errors write it: "file:line:col".
func position(p syntax.Position) string {
	return p.String()
}
