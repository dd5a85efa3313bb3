package main

import (
	"cmp"
	"context"
	"errors"
	"time"

	"runbook/engine"
	"runbook/engine/event"
)

// ending follows a stream whose writer may die, so that it can be closed for
// the dead: every step that was announced finishes, and so does the run.
type ending struct {
	sink event.Sink
	job  job

	seq     int
	plan    []event.Planned
	done    map[string]bool
	running *event.StepStarted
	since   time.Time
	counts  map[event.Verdict]int
	over    bool
}

func (n *ending) Write(e event.Event) error {
	n.seq = e.Seq
	switch {
	case e.RunStarted != nil:
		n.plan, n.done, n.counts = e.RunStarted.Plan, map[string]bool{}, map[event.Verdict]int{}
	case e.StepStarted != nil:
		n.running, n.since = e.StepStarted, e.At
	case e.Found != nil:
		n.counts[e.Found.Verdict]++
	case e.StepFinished != nil:
		n.running = nil
		n.done[e.StepFinished.Name] = true
	case e.RunFinished != nil:
		n.over = true
	}
	return n.sink.Write(e)
}

// close ends the stream after err. An error of the cell itself, before the run
// was announced, is the caller's to show: nothing ran, so nothing is recorded,
// unless the cell died.
func (n *ending) close(ctx context.Context, err error) (event.RunFinished, error) {
	var gone *died
	if n.over || !errors.As(err, &gone) {
		return event.RunFinished{}, err
	}
	why := gone.why
	cause, interrupted := context.Cause(ctx), false
	if errors.Is(cause, engine.ErrInterrupted) || errors.Is(cause, engine.ErrTerminated) {
		why, interrupted = cause.Error(), true
	}
	now := time.Now()
	if n.plan == nil {
		n.emit("", event.Event{Kind: event.KindRunStarted, RunStarted: &event.RunStarted{
			ID: n.job.ID, Recipe: n.job.Recipe, Title: n.job.Recipe, Origin: cmp.Or(n.job.Origin, n.job.Recipe),
			Tool: n.job.Tool, Host: hostname(), Started: now,
			Params: event.Fields{}, Plan: []event.Planned{}, Grants: []string{},
		}})
	}
	if n.running != nil {
		status := event.StatusFailed
		if interrupted {
			status = event.StatusCancelled
		}
		n.emit(n.running.Name, event.Event{Kind: event.KindStepFinished, StepFinished: &event.StepFinished{
			Name: n.running.Name, Title: n.running.Title, Status: status, Reason: why, Duration: now.Sub(n.since),
		}})
	}
	for _, p := range n.plan {
		if !n.done[p.Name] {
			n.emit("", event.Event{Kind: event.KindStepFinished, StepFinished: &event.StepFinished{
				Name: p.Name, Title: p.Title, Status: event.StatusSkipped, Reason: "the run broke off",
			}})
		}
	}
	f := event.RunFinished{Outcome: event.Failed, Reason: why, Counts: n.counts, Finished: now}
	switch {
	case interrupted:
		f.Outcome = event.Interrupted
	case n.counts[event.Fault] > 0:
		f.Outcome = event.Faults
	}
	n.emit("", event.Event{Kind: event.KindRunFinished, RunFinished: &f})
	return f, nil
}

func (n *ending) emit(step string, e event.Event) {
	e.Seq, e.At, e.Step = n.seq+1, time.Now(), step
	_ = n.Write(e)
}
