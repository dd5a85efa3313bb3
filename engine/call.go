package engine

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"

	"go.starlark.net/starlark"

	"runbook/engine/event"
)

// wrap makes a row of the table callable. It is the one place through which a
// recipe reaches a host: it checks the effect, hands out the Call, takes the
// time, says what happened, and turns a panic into an error.
func wrap(b *Builtin) *starlark.Builtin {
	return starlark.NewBuiltin(b.Name, func(thread *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
		step := running(thread)
		if step == nil {
			if !b.Pure {
				return nil, fmt.Errorf("%s: only inside a step", b.Name)
			}
			return guarded(b, loadCall(b, thread), args, kwargs)
		}
		if err := context.Cause(step.ctx); err != nil {
			return nil, fmt.Errorf("%s: %w", b.Name, err)
		}
		pos := said(thread)
		gate := &gate{step: step, builtin: b}
		if err := gate.enter(); err != nil {
			return nil, err
		}
		began := step.run.now()
		value, err := guarded(b, step.call(b, thread, pos, gate), args, kwargs)
		var denied *Denied
		if errors.As(err, &denied) && denied.DryRun {
			value, err = starlark.None, nil // it was shown instead
		}
		if !b.Pure {
			called := event.Called{Builtin: b.Name, Pos: pos, Duration: step.run.now().Sub(began), Count: count(value, err)}
			if err != nil {
				called.Error = oneLine(err.Error())
			}
			step.emit(event.Event{Kind: event.KindCalled, Called: &called})
		}
		return value, err
	})
}

func guarded(b *Builtin, call *Call, args starlark.Tuple, kwargs []starlark.Tuple) (value starlark.Value, err error) {
	defer func() {
		if p := recover(); p != nil {
			value, err = nil, fmt.Errorf("%s: %w", b.Name, &PanicError{p, string(debug.Stack())})
		}
	}()
	value, err = b.Func(call, args, kwargs)
	if value == nil && err == nil {
		value = starlark.None
	}
	return value, err
}

// count is how many values came back; -1 where that means nothing.
func count(v starlark.Value, err error) int {
	if err != nil {
		return -1
	}
	if s, ok := v.(starlark.Sequence); ok {
		return s.Len()
	}
	return -1
}

// loadCall serves a pure builtin at the top level of a file, where there is no
// run to speak to.
func loadCall(b *Builtin, thread *starlark.Thread) *Call {
	return &Call{
		Context: context.Background(), Name: b.Name, Pos: said(thread), Thread: thread, Given: map[string]bool{},
		Named:     func(string) Kind { return "" },
		Cover:     func(event.Coverage) {},
		Progress:  func(string) {},
		Milestone: func(string) {},
		Show:      func(event.View) {},
		Findings:  func() []event.Finding { return nil },
		Undo:      func(string, func(context.Context) error) {},
		Artefact:  func(string) (string, error) { return "", nil },
		Confirm: func(effect Effect, _ event.View) error {
			return &Denied{Effect: effect, Reason: fmt.Sprintf("%s: only inside a step", b.Name)}
		},
	}
}

// call is what a builtin learns of the step that it serves.
func (s *stepRun) call(b *Builtin, thread *starlark.Thread, pos string, g *gate) *Call {
	return &Call{
		Context: s.ctx, Name: b.Name, Step: s.step.Name, Pos: pos, DryRun: s.run.dryRun, Thread: thread, Given: s.run.bound.Given,
		Named:     s.run.bound.named,
		Cover:     s.cover,
		Progress:  func(text string) { s.progress(text, false) },
		Milestone: func(text string) { s.progress(text, true) },
		Show:      s.show,
		Findings:  s.run.findings,
		Undo:      func(name string, fn func(context.Context) error) { s.undos.push(s.ctx, name, fn) },
		Confirm:   g.confirm,
		Artefact:  s.run.artefact,
	}
}

// gate holds one call to what the step requested and the user granted.
//
// Starting programs and writing is asked for before the call begins. Killing is
// asked for when the builtin knows whom it would hit: a cleanup that finds
// nothing to kill needs nobody's leave. So is what says that it asks itself: a
// file that the user named is written without a question.
type gate struct {
	step    *stepRun
	builtin *Builtin
}

func (g *gate) enter() error {
	effect := g.builtin.Effect
	if effect == Looks {
		return nil
	}
	s := g.step
	if !s.step.needs(effect) {
		return fmt.Errorf("%s needs the effect %s; declare it: step(%s, needs = [%q])", g.builtin.Name, effect, s.step.Name, effect)
	}
	if effect == Kill || g.builtin.Asks || s.run.dryRun {
		return nil
	}
	return g.confirm(effect, event.View{Kind: "table", Title: fmt.Sprintf("%s (%s)", g.builtin.Name, effect), Nodes: []event.Node{}})
}

func (g *gate) confirm(effect Effect, what event.View) error {
	s := g.step
	what = cleanView(what)
	if err := context.Cause(s.ctx); err != nil {
		return err // it was asked to end: a builtin that heard nothing of it must not begin to act now
	}
	switch {
	case effect != g.builtin.Effect:
		return fmt.Errorf("%s: asked for the effect %s, but declares %q", g.builtin.Name, effect, g.builtin.Effect)
	case s.run.dryRun:
		s.show(what)
		return &Denied{Effect: effect, What: what, DryRun: true}
	case s.run.grants.allows(effect), s.granted[effect]:
		return nil
	case s.run.grants.Ask == nil:
		return &Denied{Effect: effect, What: what}
	}
	yes, err := s.ask(effect, what)
	if err != nil {
		return fmt.Errorf("%s: ask for %s: %w", g.builtin.Name, effect, err)
	}
	if !yes {
		return &Denied{Effect: effect, What: what, Reason: fmt.Sprintf("%s was refused", effect)}
	}
	if err := context.Cause(s.ctx); err != nil {
		return err // a yes that came after Ctrl-C
	}
	if effect != Kill { // a yes to killing is a yes to these processes, not to the next ones
		s.granted[effect] = true
	}
	return nil
}

// ask puts the question, and into the stream that it was put.
func (s *stepRun) ask(effect Effect, what event.View) (bool, error) {
	s.emit(event.Event{Kind: event.KindAsked, Asked: &event.Asked{Effect: string(effect), What: what}})
	yes, err := s.run.grants.Ask(s.ctx, effect, s.step.Name, what)
	answered := event.Answered{Effect: string(effect), Yes: yes && err == nil}
	if err != nil {
		answered.Error = oneLine(err.Error())
	}
	s.emit(event.Event{Kind: event.KindAnswered, Answered: &answered})
	return yes, err
}
