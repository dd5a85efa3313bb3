package engine

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	startime "go.starlark.net/lib/time"
	"go.starlark.net/starlark"
)

// declaration is what recipe(…) said.
type declaration struct {
	summary string
	tags    []string
	params  []Param
	refused []string // names under which steps expect a parameter that is refused
	steps   []Step
	pos     string
}

const loadingKey = "runbook.loading"

func setLoading(thread *starlark.Thread, m *module) { thread.SetLocal(loadingKey, m) }

// loading is the file whose top level the thread runs; nil inside a step.
func loading(thread *starlark.Thread) *module {
	m, _ := thread.Local(loadingKey).(*module)
	return m
}

// declareRecipe is recipe(summary, tags = [], params = {}, steps = []), the
// table of contents at a file's end. It reports all that is wrong, not only the
// first.
func declareRecipe(thread *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	m := loading(thread)
	if m == nil {
		return nil, errors.New("recipe: only at the top level of a file")
	}
	if m.declared != nil {
		return nil, fmt.Errorf("recipe: called before, at %s", m.declared.pos)
	}
	if len(args) > 0 {
		return nil, errors.New("recipe: takes named arguments only: recipe(summary = …, steps = […])")
	}
	d := &declaration{pos: said(thread)}
	var tags, steps *starlark.List
	var params *starlark.Dict
	if err := starlark.UnpackArgs("recipe", args, kwargs, "summary?", &d.summary, "tags?", &tags, "params?", &params, "steps?", &steps); err != nil {
		return nil, err
	}
	d.summary = oneLine(d.summary)
	var wrong LoadErrors
	say := func(rule, pos, hint, format string, a ...any) {
		if pos == "" {
			pos = d.pos
		}
		wrong = append(wrong, &LoadError{Rule: rule, Pos: pos, Msg: oneLine(fmt.Sprintf(format, a...)), Line: excerptAt(pos, m), Hint: hint})
	}
	if tags != nil {
		for i := range tags.Len() {
			t, ok := starlark.AsString(tags.Index(i))
			if !ok {
				say("recipe", "", "", "recipe: tags[%d]: got %s, want string", i, tags.Index(i).Type())
				continue
			}
			d.tags = append(d.tags, oneLine(t))
		}
	}
	if params != nil {
		d.takeParams(params, say)
	}
	if steps == nil || steps.Len() == 0 {
		say("recipe", "", "", "recipe: no steps")
	} else {
		d.takeSteps(steps, say)
	}
	m.declared = d
	if len(wrong) > 0 {
		return nil, wrong
	}
	return starlark.None, nil
}

type sayFunc func(rule, pos, hint, format string, a ...any)

func (d *declaration) takeParams(params *starlark.Dict, say sayFunc) {
	for _, item := range params.Items() {
		name, ok := starlark.AsString(item[0])
		if !ok {
			say("param", "", "", "recipe: params: got %s for a name, want string", item[0].Type())
			continue
		}
		v, ok := item[1].(*paramValue)
		if !ok {
			say("param", "", "", "param %s: got %s, want param.string(…), param.duration(…) or another param", oneLine(name), item[1].Type())
			d.refused = append(d.refused, name)
			continue
		}
		p := v.Param
		p.Name = name
		switch {
		case !isParamName(name):
			hint := ""
			if meant := strings.ReplaceAll(strings.ToLower(name), "-", "_"); isParamName(meant) {
				hint = fmt.Sprintf("%q: its flag is --%s", meant, Param{Name: meant}.Flag())
				d.refused = append(d.refused, meant)
			}
			say("param", p.Pos, hint, "param %q: a name has letters a-z, digits and _, and begins with a letter", name)
			continue
		case isReserved(p.Flag()):
			say("param", p.Pos, "", "param %s: --%s is a flag of runbook itself", name, p.Flag())
			d.refused = append(d.refused, name)
			continue
		case slices.ContainsFunc(d.params, func(o Param) bool { return o.Flag() == p.Flag() }):
			say("param", p.Pos, "", "param %s: --%s is taken already", name, p.Flag())
			d.refused = append(d.refused, name)
			continue
		}
		if p.Kind == KindRest {
			for _, other := range d.params {
				if other.Kind == KindRest && other.After == p.After {
					say("param", p.Pos, "", "param %s: %s takes the rest of the arguments already", name, other.Name)
				}
			}
		}
		d.params = append(d.params, p)
	}
}

func (d *declaration) takeSteps(steps *starlark.List, say sayFunc) {
	var listed []Step
	for i := range steps.Len() {
		switch v := steps.Index(i).(type) {
		case *starlark.Function:
			listed = append(listed, newStep(v, nil, 0))
		case *stepValue:
			listed = append(listed, newStep(v.fn, v.needs, v.deadline))
		default:
			say("recipe", "", "", "recipe: steps[%d]: got %s, want a function or step(function, …)", i, v.Type())
		}
	}
	makers := map[string]string{} // name → what makes it
	var names []string
	for _, p := range d.params {
		makers[p.Name] = "a parameter"
		names = append(names, p.Name)
	}
	later := map[string]bool{}
	for _, s := range listed {
		later[s.Name] = true
	}
	for _, s := range listed {
		if s.fn.HasVarargs() || s.fn.HasKwargs() {
			say("recipe", s.Pos, "", "step %s: takes *args or **kwargs: name what it needs", s.Name)
			continue
		}
		if s.Name == "lambda" {
			say("recipe", s.Pos, "", "steps: a lambda has no name: use def")
			continue
		}
		if by, taken := makers[s.Name]; taken {
			say("recipe", s.Pos, "", "step %s: the name is %s already", s.Name, by)
			continue
		}
		for _, in := range s.Inputs {
			if makers[in.Name] != "" || slices.Contains(d.refused, in.Name) {
				continue
			}
			switch {
			case in.Name == s.Name:
				say("step-input", in.Pos, "", "step %s: needs itself", s.Name)
			case later[in.Name]:
				say("step-input", in.Pos, "", "step %s: needs %s, which comes later", s.Name, in.Name)
			default:
				hint := ""
				if n := Nearest(in.Name, names); n != "" {
					hint = "did you mean " + n + "?"
				}
				say("step-input", in.Pos, hint, "step %s: needs %s, which is no parameter and no earlier step", s.Name, in.Name)
			}
		}
		makers[s.Name] = "a step"
		names = append(names, s.Name)
		d.steps = append(d.steps, s)
	}
}

// stepValue is what step(…) returns: a function and what it asks for.
type stepValue struct {
	fn       *starlark.Function
	needs    []Effect
	deadline time.Duration
}

func (s *stepValue) String() string        { return "step(" + s.fn.Name() + ")" }
func (s *stepValue) Type() string          { return "step" }
func (s *stepValue) Freeze()               {}
func (s *stepValue) Truth() starlark.Bool  { return true }
func (s *stepValue) Hash() (uint32, error) { return s.fn.Hash() }

// declareStep is step(fn, needs = [], deadline = None).
func declareStep(thread *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	if loading(thread) == nil {
		return nil, errors.New("step: only at the top level of a file")
	}
	s := &stepValue{}
	var fn starlark.Value
	var needs *starlark.List
	var deadline starlark.Value = starlark.None
	if err := starlark.UnpackArgs("step", args, kwargs, "fn", &fn, "needs?", &needs, "deadline?", &deadline); err != nil {
		return nil, err
	}
	var ok bool
	if s.fn, ok = fn.(*starlark.Function); !ok {
		return nil, fmt.Errorf("step: got %s, want a function", fn.Type())
	}
	if needs != nil {
		for i := range needs.Len() {
			name, ok := starlark.AsString(needs.Index(i))
			if !ok {
				return nil, fmt.Errorf("step: needs[%d]: got %s, want string", i, needs.Index(i).Type())
			}
			effect, err := ParseEffect(name)
			if err != nil {
				return nil, fmt.Errorf("step: needs[%d]: %w", i, err)
			}
			s.needs = append(s.needs, effect)
		}
	}
	if deadline != starlark.None {
		var d startime.Duration
		if err := d.Unpack(deadline); err != nil {
			return nil, fmt.Errorf("step: deadline: %w", err)
		}
		if d <= 0 {
			return nil, fmt.Errorf("step: deadline: %s is no time at all", d)
		}
		s.deadline = time.Duration(d)
	}
	return s, nil
}
