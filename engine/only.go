package engine

import (
	"fmt"
	"slices"
	"strings"
)

// only is the recipe with these steps and those that they take values from, the
// optional ones as well: a step finds what it finds in a whole run. No names:
// all of it.
//
// Errors: *UsageError for a name that is no step.
func (r *Recipe) only(names []string) (*Recipe, error) {
	if len(names) == 0 {
		return r, nil
	}
	byName := map[string]Step{}
	var all []string
	for _, s := range r.Steps {
		byName[s.Name] = s
		all = append(all, s.Name)
	}
	wanted := map[string]bool{}
	var want func(s Step)
	want = func(s Step) {
		if wanted[s.Name] {
			return
		}
		wanted[s.Name] = true
		for _, in := range s.Inputs {
			if from, ok := byName[in.Name]; ok {
				want(from)
			}
		}
	}
	for _, name := range names {
		s, ok := byName[name]
		if !ok {
			hint := "its steps: " + strings.Join(all, ", ")
			if n := Nearest(name, all); n != "" {
				hint = "did you mean " + n + "?"
			}
			return nil, &UsageError{Msg: fmt.Sprintf("%s has no step %q", r.Name, name), Hint: hint}
		}
		want(s)
	}
	part := *r
	part.Steps = slices.DeleteFunc(slices.Clone(r.Steps), func(s Step) bool { return !wanted[s.Name] })
	return &part, nil
}

// without names the steps of r that part has not.
func (r *Recipe) without(part *Recipe) []string {
	var out []string
	for _, s := range r.Steps {
		if !slices.ContainsFunc(part.Steps, func(p Step) bool { return p.Name == s.Name }) {
			out = append(out, s.Name)
		}
	}
	return out
}
