package engine

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"go.starlark.net/starlark"

	"runbook/engine/event"
)

// Engine runs recipes. The zero value is ready; the fields are the limits and
// the clocks, for those who have others.
type Engine struct {
	Now          func() time.Time // stamps events; default time.Now
	HostNow      func() time.Time // time.now() of recipes: the clock of the host looked at; default Now
	MaxSteps     uint64           // computation steps of one recipe step; default 100 million
	Deadline     time.Duration    // of a step that only looks and names none; default 2 minutes
	UndoDeadline time.Duration    // of one undo; default 30 seconds
	Grace        time.Duration    // for what does not heed its end; default 2 seconds
}

// Request is one run.
type Request struct {
	Recipe *Recipe
	Params map[string][]string // texts by parameter name (older_than, not older-than)
	Rest   []string            // for the parameter of kind rest
	Steps  []string            // only these, and those that they take values from; empty: all
	Grants Grants
	DryRun bool
	Sink   event.Sink // not closed by Run: who made it closes it

	// Artefact names a new file beside the record; nil when there is no record.
	Artefact func(name string) (path string, err error)

	// Kept is told the value of each step that is done, frozen; nil = nobody asks.
	Kept func(step string, value starlark.Value)

	ID   string // "" = one is made
	Tool string // "runbook 0.1.0"
	Host string // host name
	From string // the snapshot's name; "" = live
}

// Run runs a recipe to its end and emits the whole stream, from RunStarted to
// RunFinished, whatever happens in between.
//
// Errors: *UsageError when the parameters do not fit (nothing was emitted), or
// what the sink said (the run went on without it). What went wrong in a step is
// no error here; it is in the stream, and in the outcome.
func (e *Engine) Run(ctx context.Context, req Request) (event.RunFinished, error) {
	bound, err := req.Recipe.Bind(req.Params, req.Rest)
	if err != nil {
		return event.RunFinished{}, err
	}
	whole := req.Recipe
	if req.Recipe, err = whole.only(req.Steps); err != nil {
		return event.RunFinished{}, err
	}
	r := e.start(req, bound)
	r.announce(req, whole.without(req.Recipe))
	for i := range r.recipe.Steps {
		r.step(ctx, &r.recipe.Steps[i])
	}
	return r.finish(ctx)
}

// run is one run on its way.
type run struct {
	engine Engine // with defaults filled in
	recipe *Recipe
	bound  *Bound
	grants Grants
	dryRun bool
	keepAt func(name string) (string, error) // Request.Artefact
	kept   func(step string, value starlark.Value)
	stream *stream

	values  starlark.StringDict     // of params and of the steps that are done
	became  map[string]event.Status // of the steps that are not
	ending  ending
	halted  string // why the remaining steps are skipped; "" = they are not
	stopped bool
}

func (e *Engine) start(req Request, bound *Bound) *run {
	r := &run{engine: *e, recipe: req.Recipe, bound: bound, grants: req.Grants.with(req.Recipe), dryRun: req.DryRun, keepAt: req.Artefact, kept: req.Kept, values: starlark.StringDict{}, became: map[string]event.Status{}}
	d := &r.engine
	if d.Now == nil {
		d.Now = time.Now
	}
	if d.HostNow == nil {
		d.HostNow = d.Now
	}
	if d.MaxSteps == 0 {
		d.MaxSteps = 100_000_000
	}
	if d.Deadline == 0 {
		d.Deadline = 2 * time.Minute
	}
	if d.UndoDeadline == 0 {
		d.UndoDeadline = 30 * time.Second
	}
	if d.Grace == 0 {
		d.Grace = 2 * time.Second
	}
	r.stream = newStream(req.Sink, d.Now)
	for name, v := range bound.values {
		r.values[name] = v
	}
	return r
}

func (r *run) now() time.Time { return r.engine.Now() }

func (r *run) findings() []event.Finding { return r.stream.said() }

// artefact serves Call.Artefact. A recipe may have made the name up.
func (r *run) artefact(name string) (string, error) {
	if name == "" || name == "." || name == ".." || strings.ContainsAny(name, "/\x00") {
		return "", fmt.Errorf("artefact %q: not a plain file name", name)
	}
	if r.keepAt == nil {
		return "", nil
	}
	path, err := r.keepAt(name)
	if err != nil {
		return "", fmt.Errorf("artefact %s: %w", name, err)
	}
	return path, nil
}

func (r *run) announce(req Request, leftOut []string) {
	id := req.ID
	if id == "" {
		var b [4]byte
		_, _ = rand.Read(b[:]) // never fails
		id = hex.EncodeToString(b[:])
	}
	started := event.RunStarted{
		ID: id, Recipe: r.recipe.Name, Title: cleanText(r.recipe.Title), Digest: r.recipe.Digest, Origin: r.recipe.Origin,
		Tool: req.Tool, Host: cleanText(req.Host), From: cleanText(req.From), Params: r.bound.Fields, Given: r.bound.given(),
		Steps: req.Steps, LeftOut: leftOut, Plan: []event.Planned{}, Grants: r.grants.names(), DryRun: r.dryRun, Started: r.now().Round(0),
	}
	for _, p := range r.recipe.Params {
		switch {
		case p.Kind == KindRest && p.After:
			started.Dashed = p.Name
		case p.Kind == KindRest:
			started.Positional = p.Name
		}
	}
	for _, s := range r.recipe.Steps {
		p := event.Planned{Name: s.Name, Title: s.Title, Guidance: s.Guidance}
		for _, n := range s.Needs {
			p.Needs = append(p.Needs, string(n))
		}
		started.Plan = append(started.Plan, p)
	}
	r.stream.emit(event.Event{Kind: event.KindRunStarted, RunStarted: &started}, nil)
}

// step gates one step, runs it and keeps what it came to.
func (r *run) step(ctx context.Context, s *Step) {
	if ctx.Err() != nil && !r.stopped {
		r.interrupt(ctx)
	}
	if r.halted != "" {
		r.close(s, event.StatusSkipped, r.halted, "", 0)
		return
	}
	inputs, missing := r.inputs(s)
	if missing != "" {
		r.close(s, event.StatusSkipped, missing, "", 0)
		return
	}
	began := r.now()
	out := newStepRun(ctx, r, s).do(inputs)
	r.keep(ctx, s, out)
	r.close(s, out.status, out.reason, out.detail, r.now().Sub(began))
	if out.abandoned && r.halted == "" {
		r.halted = fmt.Sprintf("%s does not end", s.Name)
	}
}

// inputs gathers the arguments of a step. A missing one is its default if it
// has one; otherwise the step is skipped, and says for want of what.
func (r *run) inputs(s *Step) (args []starlark.Tuple, missing string) {
	var lost []string
	for _, in := range s.Inputs {
		v, ok := r.values[in.Name]
		switch {
		case ok:
		case in.Optional:
			v = in.value
		default:
			lost = append(lost, fmt.Sprintf("%s, which %s", in.Name, became[r.became[in.Name]]))
			continue
		}
		args = append(args, starlark.Tuple{starlark.String(in.Name), v})
	}
	if len(lost) > 0 {
		return nil, "needs " + strings.Join(lost, ", and ")
	}
	return args, ""
}

var became = map[event.Status]string{
	event.StatusFailed: "failed", event.StatusDenied: "was denied",
	event.StatusSkipped: "was skipped", event.StatusCancelled: "was cancelled",
}

func (r *run) keep(ctx context.Context, s *Step, out stepResult) {
	switch out.status {
	case event.StatusDone:
		r.values[s.Name] = out.value
		if r.kept != nil {
			r.kept(s.Name, out.value)
		}
		return
	case event.StatusStopped:
		r.stopped, r.halted = true, "stopped: "+out.reason
		first(&r.ending.stopped, out.reason)
		if out.unknown {
			first(&r.ending.incomplete, out.reason)
		}
		if out.usage {
			first(&r.ending.usage, out.reason)
		}
	case event.StatusDenied:
		first(&r.ending.incomplete, fmt.Sprintf("step %s: %s", s.Name, out.reason))
	case event.StatusCancelled:
		if ctx.Err() != nil {
			r.interrupt(ctx)
			break
		}
		first(&r.ending.incomplete, fmt.Sprintf("step %s: %s", s.Name, out.reason))
	case event.StatusFailed:
		if out.unknown {
			first(&r.ending.incomplete, fmt.Sprintf("step %s: %s", s.Name, out.blind))
			break
		}
		first(&r.ending.failed, fmt.Sprintf("step %s: %s", s.Name, out.reason))
	}
	r.became[s.Name] = out.status
}

// interrupt notes that the caller ended the run: by a signal, or by a deadline
// of its own, which is no interruption but leaves the run incomplete.
func (r *run) interrupt(ctx context.Context) {
	cause := context.Cause(ctx)
	switch {
	case errors.Is(cause, context.DeadlineExceeded):
		r.halted = "the run's deadline is over"
		first(&r.ending.incomplete, r.halted)
	case errors.Is(cause, ErrTerminated):
		r.halted = ErrTerminated.Error()
		first(&r.ending.interrupted, r.halted)
	default:
		r.halted = ErrInterrupted.Error()
		first(&r.ending.interrupted, r.halted)
	}
}

func (r *run) close(s *Step, status event.Status, reason, detail string, took time.Duration) {
	if status == event.StatusSkipped {
		r.became[s.Name] = status
	}
	f := event.StepFinished{Name: s.Name, Title: s.Title, Status: status, Reason: oneLine(reason), Detail: cleanText(detail), Duration: took}
	r.stream.emit(event.Event{Kind: event.KindStepFinished, Step: s.Name, StepFinished: &f}, nil)
}

func (r *run) finish(ctx context.Context) (event.RunFinished, error) {
	if ctx.Err() != nil && !errors.Is(context.Cause(ctx), context.DeadlineExceeded) {
		r.interrupt(ctx) // also when the last step ended well just before it could heed it
	}
	counts := r.stream.tally()
	outcome, reason := r.ending.outcome(counts)
	f := event.RunFinished{Outcome: outcome, Reason: cleanText(reason), Counts: counts, Finished: r.now().Round(0)}
	r.stream.emit(event.Event{Kind: event.KindRunFinished, RunFinished: &f}, nil)
	if err := r.stream.failed(); err != nil {
		return f, fmt.Errorf("write the event stream: %w", err)
	}
	return f, nil
}
