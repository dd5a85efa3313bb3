// Package event is the one ordered stream that a run emits.
//
// Terminal, JSON document, JSON lines, record and replay are mere readers of
// it. It imports the standard library only, so that anything may read a run.
package event

import "time"

// Event is one line of a run. Exactly one of the pointers is set, and Kind
// names it.
type Event struct {
	Seq  int       `json:"seq"` // 1, 2, 3 … without gaps; a sign of progress, which is not kept, has that of the event before it
	At   time.Time `json:"at"`  // with zone, to the nanosecond
	Kind Kind      `json:"kind"`
	Step string    `json:"step,omitempty"` // the running step, "" outside any

	RunStarted   *RunStarted   `json:"run_started,omitempty"`
	StepStarted  *StepStarted  `json:"step_started,omitempty"`
	Called       *Called       `json:"called,omitempty"`
	Found        *Finding      `json:"found,omitempty"`
	Shown        *View         `json:"shown,omitempty"`
	Covered      *Coverage     `json:"covered,omitempty"`
	Said         *Said         `json:"said,omitempty"`
	Progressed   *Progressed   `json:"progressed,omitempty"`
	Asked        *Asked        `json:"asked,omitempty"`
	Answered     *Answered     `json:"answered,omitempty"`
	StepFinished *StepFinished `json:"step_finished,omitempty"`
	RunFinished  *RunFinished  `json:"run_finished,omitempty"`
}

// Kind names which part of an Event is set.
type Kind string

// The kinds, in the order in which a run meets them.
const (
	KindRunStarted   Kind = "run_started"
	KindStepStarted  Kind = "step_started"
	KindCalled       Kind = "called"
	KindFound        Kind = "found"
	KindShown        Kind = "shown"
	KindCovered      Kind = "covered"
	KindSaid         Kind = "said"
	KindProgressed   Kind = "progressed"
	KindAsked        Kind = "asked"
	KindAnswered     Kind = "answered"
	KindStepFinished Kind = "step_finished"
	KindRunFinished  Kind = "run_finished"
)

// RunStarted announces the plan before anything runs.
type RunStarted struct {
	ID     string   `json:"id"`
	Recipe string   `json:"recipe"`
	Title  string   `json:"title"`  // first heading of the recipe's docstring
	Digest string   `json:"digest"` // "sha256:…" of the source
	Origin string   `json:"origin"` // "embedded", or the path it was read from
	Tool   string   `json:"tool"`   // "runbook 0.1.0"
	Host   string   `json:"host"`   // host name; of the snapshot with --from
	From   string   `json:"from,omitempty"`
	Params Fields   `json:"params"`
	Given  []string `json:"given"` // names of the parameters that the user set; the others have their defaults
	// Positional names the parameter that takes what stands by itself on the
	// command line, Dashed the one that takes what follows "--"; "" = none does.
	Positional string `json:"positional,omitempty"`
	Dashed     string `json:"dashed,omitempty"`

	// Steps are those that were asked for; empty: all. Plan has them, and what
	// they need; LeftOut are the others.
	Steps   []string  `json:"steps,omitempty"`
	LeftOut []string  `json:"left_out,omitempty"`
	Plan    []Planned `json:"plan"`
	Grants  []string  `json:"grants"`
	DryRun  bool      `json:"dry_run,omitempty"`
	Started time.Time `json:"started"`
}

// Planned is one step of the plan.
type Planned struct {
	Name     string   `json:"name"`
	Title    string   `json:"title"`
	Guidance string   `json:"guidance"` // markdown, without the title line
	Needs    []string `json:"needs,omitempty"`
}

// StepStarted says that a step's function is about to be called.
type StepStarted struct {
	Name  string `json:"name"`
	Title string `json:"title"`
}

// Called says that a builtin returned.
type Called struct {
	Builtin  string        `json:"builtin"`
	Pos      string        `json:"pos"` // "wedged-actor.star:70:22"
	Duration time.Duration `json:"duration_ns"`
	Count    int           `json:"count"` // values returned; -1 when that means nothing
	Error    string        `json:"error,omitempty"`
}

// Said is a print() of the recipe.
type Said struct {
	Text string `json:"text"`
	Pos  string `json:"pos"`
}

// Progressed is a sign of life of a long call. It carries no fact of the
// report: sinks may drop it, and the record does not keep it.
type Progressed struct {
	Text string `json:"text"`
	// Milestone is one that a log wants a line for: something began, or ended.
	Milestone bool `json:"milestone,omitempty"`
}

// Asked says that the run waits for a person to grant an effect. Who draws the
// run draws what there is of it first: nobody can decide on a blank page.
type Asked struct {
	Effect string `json:"effect"` // run, write, kill
	What   View   `json:"what"`   // what would be hit; without nodes it is told by its title
}

// Answered closes the question that was asked last.
type Answered struct {
	Effect string `json:"effect"`
	Yes    bool   `json:"yes"`
	Error  string `json:"error,omitempty"` // why there is no answer: Ctrl-C, a deadline, a terminal that is gone
}

// Status is what became of a step.
type Status string

// waiting → skipped | denied | running → done | stopped | failed | cancelled
const (
	StatusDone      Status = "done"
	StatusStopped   Status = "stopped"   // the step called stop()
	StatusSkipped   Status = "skipped"   // an input it needs is missing
	StatusDenied    Status = "denied"    // an effect was not granted
	StatusFailed    Status = "failed"    // an error
	StatusCancelled Status = "cancelled" // Ctrl-C, deadline
)

// StepFinished closes a step, also one that never started.
type StepFinished struct {
	Name     string        `json:"name"`
	Title    string        `json:"title"`
	Status   Status        `json:"status"`
	Reason   string        `json:"reason,omitempty"` // one line; why it is not done
	Detail   string        `json:"detail,omitempty"` // more lines: backtrace, hint, by-hand commands
	Duration time.Duration `json:"duration_ns"`
}

// Outcome is the run in one word; the exit code is chosen from it.
type Outcome string

// The outcomes, with their exit codes.
const (
	Clean       Outcome = "clean"       // 0
	Faults      Outcome = "faults"      // 1
	Incomplete  Outcome = "incomplete"  // 3: no fault, and something could not be looked at
	Failed      Outcome = "failed"      // 3: a step failed and no fault was found
	Misused     Outcome = "usage"       // 2: the parameters do not say what is wanted
	Interrupted Outcome = "interrupted" // 130 or 143
)

// RunFinished closes the stream. A record without it was cut off.
type RunFinished struct {
	Outcome  Outcome         `json:"outcome"`
	Reason   string          `json:"reason,omitempty"`
	Counts   map[Verdict]int `json:"counts"`
	Finished time.Time       `json:"finished"`
}

// Sink reads the stream. Write is called from one goroutine, in order of Seq.
type Sink interface {
	Write(Event) error
	// Close flushes. It is called once, after the last event, also when the
	// run broke off without RunFinished.
	Close() error
}

// Tee gives each event to all sinks. A sink that fails is dropped after its
// error went to onError once: a full disk must not end the run.
func Tee(onError func(Sink, error), sinks ...Sink) Sink {
	return &tee{onError: onError, sinks: append([]Sink(nil), sinks...)}
}

type tee struct {
	onError func(Sink, error)
	sinks   []Sink
}

func (t *tee) Write(e Event) error {
	alive := t.sinks[:0]
	for _, s := range t.sinks {
		if err := s.Write(e); err != nil {
			t.onError(s, err)
			_ = s.Close()
			continue
		}
		alive = append(alive, s)
	}
	t.sinks = alive
	return nil
}

func (t *tee) Close() error {
	for _, s := range t.sinks {
		if err := s.Close(); err != nil {
			t.onError(s, err)
		}
	}
	t.sinks = nil
	return nil
}
