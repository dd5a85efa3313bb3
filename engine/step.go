package engine

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync/atomic"
	"time"

	startime "go.starlark.net/lib/time"
	"go.starlark.net/starlark"

	"runbook/engine/event"
)

// stepRun is a step on its way. It hangs in the thread, where the words and the
// builtins find it.
type stepRun struct {
	run      *run
	step     *Step
	ctx      context.Context // the step's: run, deadline
	parent   context.Context // the run's
	cancel   func()          // ends ctx, when nobody needs it any more
	deadline time.Duration   // 0 = none
	undos    *undos
	granted  map[Effect]bool // by an answer of this step
	over     atomic.Bool     // nothing that is said now is heard
	budget   atomic.Bool     // the computation steps are used up
}

// stepResult is what a step came to.
type stepResult struct {
	status    event.Status
	value     starlark.Value
	reason    string // one line
	blind     string // one line: what could not be looked at, which reason leaves to the finding
	detail    string
	unknown   bool // could not look
	usage     bool // was asked for what cannot be meant
	abandoned bool // its goroutine still runs
}

const runningKey = "runbook.running"

// running is the step that the thread serves; nil while a file loads.
func running(thread *starlark.Thread) *stepRun {
	s, _ := thread.Local(runningKey).(*stepRun)
	return s
}

func newStepRun(parent context.Context, r *run, s *Step) *stepRun {
	deadline := s.Deadline
	if deadline == 0 && len(s.Needs) == 0 {
		deadline = r.engine.Deadline
	}
	return &stepRun{
		run: r, step: s, parent: parent, deadline: deadline, granted: map[Effect]bool{},
		undos: &undos{deadline: r.engine.UndoDeadline, grace: r.engine.Grace},
	}
}

// do calls the step's function.
func (s *stepRun) do(inputs []starlark.Tuple) stepResult {
	s.emit(event.Event{Kind: event.KindStepStarted, StepStarted: &event.StepStarted{Name: s.step.Name, Title: s.step.Title}})
	value, left, err := s.perform(func(thread *starlark.Thread) (starlark.Value, error) {
		value, err := starlark.Call(thread, s.step.fn, nil, inputs)
		if err == nil {
			value.Freeze() // before anyone else may see it
		}
		return value, err
	})
	defer s.cancel()
	if left {
		return s.putBack(stepResult{status: event.StatusCancelled, reason: s.why(), detail: "it did not heed its end and was left behind", abandoned: true})
	}
	return s.putBack(s.judge(value, err))
}

// perform calls fn on a goroutine and a thread of its own, and waits for it: to
// its end, or to the end of its context and a little longer; then it is left
// behind, and nothing that it says is heard any more. The step's context lasts
// until cancel is called: what a call came to depends on it.
func (s *stepRun) perform(fn func(*starlark.Thread) (starlark.Value, error)) (value starlark.Value, left bool, err error) {
	ctx, cancel := context.WithCancel(s.parent)
	if s.deadline > 0 {
		ctx, cancel = context.WithTimeout(s.parent, s.deadline)
	}
	s.ctx, s.cancel = ctx, cancel

	thread := s.thread()
	stop := context.AfterFunc(ctx, func() { thread.Cancel(s.why()) })
	defer stop()

	type returned struct {
		value starlark.Value
		err   error
	}
	done := make(chan returned, 1)
	go func() {
		growStack(1)
		r := returned{err: errors.New("it ended its goroutine")}
		defer func() {
			if p := recover(); p != nil {
				r = returned{err: &PanicError{p, string(debug.Stack())}}
			}
			done <- r
		}()
		value, err := fn(thread)
		r = returned{value, err}
	}()

	select {
	case r := <-done:
		return r.value, false, r.err
	case <-ctx.Done():
	}
	timer := time.NewTimer(s.run.engine.Grace)
	defer timer.Stop()
	select {
	case r := <-done:
		return r.value, false, r.err
	case <-timer.C:
	}
	s.over.Store(true)
	return nil, true, nil
}

func (s *stepRun) thread() *starlark.Thread {
	t := &starlark.Thread{
		Name: s.step.Name,
		Print: func(t *starlark.Thread, text string) {
			s.emit(event.Event{Kind: event.KindSaid, Said: &event.Said{Text: cleanText(text), Pos: said(t)}})
		},
	}
	t.SetLocal(runningKey, s)
	startime.SetNow(t, func() (time.Time, error) { return s.run.engine.HostNow(), nil })
	t.SetMaxExecutionSteps(s.run.engine.MaxSteps)
	t.OnMaxSteps = func(t *starlark.Thread) {
		s.budget.Store(true)
		t.Cancel("budget")
	}
	return t
}

// why says in one line what ended the step's context.
func (s *stepRun) why() string {
	if s.parent.Err() != nil {
		switch cause := context.Cause(s.parent); {
		case errors.Is(cause, ErrTerminated):
			return ErrTerminated.Error()
		case errors.Is(cause, context.DeadlineExceeded):
			return "the run's deadline is over"
		default:
			return ErrInterrupted.Error()
		}
	}
	return "gave up after " + span(s.deadline)
}

// judge names what a call that returned came to.
func (s *stepRun) judge(value starlark.Value, err error) stepResult {
	if err == nil {
		return stepResult{status: event.StatusDone, value: value}
	}
	var stop *stopped
	var denied *Denied
	var blind Unknownable
	script := scriptError(err, s.run.recipe.sources)
	switch {
	case errors.As(err, &stop):
		if stop.unknown {
			s.unknown("stopped", stop.reason, "", script.Pos)
		}
		return stepResult{status: event.StatusStopped, reason: stop.reason, unknown: stop.unknown, usage: stop.usage}
	case s.budget.Load():
		script.Msg = fmt.Sprintf("used more than %s computation steps", grouped(int64(s.run.engine.MaxSteps)))
	case s.ctx.Err() != nil:
		return stepResult{status: event.StatusCancelled, reason: s.why(), detail: script.Detail()}
	case errors.As(err, &denied):
		detail := byHand(s.step.Guidance)
		if denied.ByHand != nil {
			detail = cleanText(*denied.ByHand)
		}
		if detail != "" {
			detail = "by hand:\n" + detail
		}
		return stepResult{status: event.StatusDenied, reason: denied.Error(), detail: detail}
	case errors.As(err, &blind):
		s.unknown("could-not-look-"+slug(blind.Probe()), oneLine(blind.Error()), blind.Remedy(), script.Pos)
		// The finding says what and why: twice is once too often.
		return stepResult{status: event.StatusFailed, reason: "could not look", blind: oneLine(blind.Error()), detail: join(script.Error(), script.Detail()), unknown: true}
	}
	return stepResult{status: event.StatusFailed, reason: script.Error(), detail: script.Detail()}
}

// putBack runs the undos. One that fails is the loudest thing that can be said
// of a step, whatever else it came to.
func (s *stepRun) putBack(out stepResult) stepResult {
	defer s.over.Store(true)
	for _, err := range s.undos.unwind(s.parent) {
		if out.status != event.StatusFailed {
			out = stepResult{status: event.StatusFailed, reason: oneLine(err.Error()), detail: join(out.reason, out.detail), abandoned: out.abandoned}
			continue
		}
		out.detail = join(out.detail, err.Error())
		out.unknown = false
	}
	return out
}

func join(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + "\n" + b
}

func (s *stepRun) emit(e event.Event) {
	e.Step = s.step.Name
	s.run.stream.emit(e, func() bool { return !s.over.Load() })
}

func (s *stepRun) found(f event.Finding) {
	s.emit(event.Event{Kind: event.KindFound, Found: &f})
}

func (s *stepRun) unknown(rule, title, remedy, pos string) {
	s.found(event.Finding{
		Verdict: event.Unknown, Rule: s.run.recipe.Name + "/" + rule, Title: title, Do: cleanText(remedy), Pos: pos,
		Victims: []event.Subject{}, Members: []event.Subject{}, Evidence: []event.Fields{},
	})
}

func (s *stepRun) show(v event.View) {
	v = cleanView(v)
	s.emit(event.Event{Kind: event.KindShown, Shown: &v})
}

func (s *stepRun) cover(c event.Coverage) {
	c.Probe, c.Status, c.Detail, c.Remedy = cleanText(c.Probe), cleanText(c.Status), cleanText(c.Detail), cleanText(c.Remedy)
	s.emit(event.Event{Kind: event.KindCovered, Covered: &c})
}

func (s *stepRun) progress(text string, milestone bool) {
	s.emit(event.Event{Kind: event.KindProgressed, Progressed: &event.Progressed{Text: oneLine(text), Milestone: milestone}})
}
