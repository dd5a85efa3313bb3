package engine

import (
	"errors"

	"runbook/engine/event"
)

// Causes with which the caller ends a run's context (context.WithCancelCause).
// They become the outcome's reason, from which the exit code is chosen.
var (
	ErrInterrupted = errors.New("interrupted") // SIGINT
	ErrTerminated  = errors.New("terminated")  // SIGTERM
)

// ExitCode is the process's exit code for a run, by design §5: 0 no fault, 1 a
// fault (or a warning, when the user asked for that), 2 a usage error that only
// the recipe could see, 3 incomplete, 130 interrupted, 143 terminated.
func ExitCode(f event.RunFinished, failOnWarn bool) int {
	switch {
	case f.Outcome == event.Interrupted && f.Reason == ErrTerminated.Error():
		return 143
	case f.Outcome == event.Interrupted:
		return 130
	case f.Outcome == event.Faults, f.Counts[event.Fault] > 0:
		return 1
	case failOnWarn && f.Counts[event.Warn] > 0:
		return 1
	case f.Outcome == event.Misused:
		return 2
	case f.Outcome == event.Clean:
		return 0
	default:
		return 3
	}
}

// ending collects what the steps came to, and names the run's outcome.
type ending struct {
	interrupted string // reason; "" = nobody did
	failed      string // "step blame: …", the first
	incomplete  string // the first reason
	usage       string // stop(usage = True)
	stopped     string // stop(), in peace
}

func (e *ending) outcome(counts map[event.Verdict]int) (event.Outcome, string) {
	switch {
	case e.interrupted != "":
		return event.Interrupted, e.interrupted
	case counts[event.Fault] > 0:
		return event.Faults, ""
	case e.failed != "":
		return event.Failed, e.failed
	case e.usage != "":
		return event.Misused, e.usage
	case e.incomplete != "":
		return event.Incomplete, e.incomplete
	case counts[event.Unknown] > 0:
		return event.Incomplete, "something could not be looked at"
	default:
		return event.Clean, e.stopped
	}
}

func first(into *string, text string) {
	if *into == "" {
		*into = text
	}
}
