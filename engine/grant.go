package engine

import (
	"context"
	"fmt"
	"sort"

	"runbook/engine/event"
)

// Grants is what the user lets a run do beyond looking.
type Grants struct {
	Allow []Effect // granted without a question

	// Ask puts a question to a person and shows exactly what would be hit; nil
	// when nobody can be asked. False is a no, an error ends the step. ctx is the
	// step's: when it ends, so does the question, with its cause.
	Ask func(ctx context.Context, effect Effect, step string, what event.View) (bool, error)
}

func (g Grants) allows(effect Effect) bool {
	for _, e := range g.Allow {
		if e == effect {
			return true
		}
	}
	return false
}

// with adds what naming the recipe grants by itself: the `run` that an embedded
// recipe, or one of the user's own, declares. A recipe that merely lay in a
// repository gets nothing.
func (g Grants) with(r *Recipe) Grants {
	if !r.Trusted && !r.Embedded || g.allows(Run) {
		return g
	}
	for _, s := range r.Steps {
		if s.needs(Run) {
			g.Allow = append(append([]Effect(nil), g.Allow...), Run)
			return g
		}
	}
	return g
}

func (g Grants) names() []string {
	names := []string{}
	for _, e := range g.Allow {
		names = append(names, string(e))
	}
	sort.Strings(names)
	return names
}

// Denied is an effect that was not granted. It ends its step as denied, which
// is no failure of the recipe.
type Denied struct {
	Effect Effect
	Reason string     // one line; "" = nobody granted it
	What   event.View // what would have been hit
	DryRun bool       // nobody was asked, because this run only shows
	ByHand *string    // what a person would type instead, "" nothing; nil = what the guidance of the step says
}

func (d *Denied) Error() string {
	switch {
	case d.Reason != "":
		return d.Reason
	case d.DryRun:
		return fmt.Sprintf("dry run: %s is shown, not done", d.Effect)
	default:
		return fmt.Sprintf("%s was not granted; grant it with --allow %s", d.Effect, d.Effect)
	}
}

// ParseEffect reads the name of an effect: run, write or kill.
func ParseEffect(name string) (Effect, error) {
	for _, e := range effects {
		if name == string(e) {
			return e, nil
		}
	}
	hint := ""
	if n := Nearest(name, effectNames()); n != "" {
		hint = fmt.Sprintf(" (did you mean %s?)", n)
	}
	return "", fmt.Errorf("unknown effect %q: want run, write or kill%s", name, hint)
}

var effects = []Effect{Run, Write, Kill}

func effectNames() []string {
	var names []string
	for _, e := range effects {
		names = append(names, string(e))
	}
	return names
}
