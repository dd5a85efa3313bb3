package probe

import (
	"context"
	"fmt"
	"time"
)

// KillRequest says which processes to end, and how patiently.
type KillRequest struct {
	Targets  []Process         // trees or parts of trees; ordered root first by Kill itself
	Paused   map[ID]bool       // at a debugger prompt, where a person may sit
	Force    bool              // end trees that hold a paused process too
	Grace    time.Duration     // to wait after each rung; 0 = 5 s
	DryRun   bool              // only fill Plan and Refused
	Progress func(text string) // a sign of life; may be nil
}

// KillReport says what became of every target, and of the descendants that
// they had or got meanwhile. Each process is in one of the first three lists.
type KillReport struct {
	Ended    []Ending
	Survived []Survivor
	Refused  []Refusal // was never signalled
	Plan     []Step    // in order, root first
}

// Ending is a process that is no more.
type Ending struct {
	Process
	Rung  string        // SIGINT, SIGTERM, SIGKILL: the rung that was climbed when it ended, by its own signal or as its root's went; or "by itself", before any
	After time.Duration // since Kill began
}

// Survivor is a process that is still there after the last rung.
type Survivor struct {
	Process
	Why string
}

// Refusal is a process that Kill would not touch.
type Refusal struct {
	Process
	Why string
}

// Step is what Kill does about one process for as long as it lives.
type Step struct {
	Process
	Signals []string // in order, of SIGINT, SIGTERM, SIGKILL
	Why     string   // why a rung is left out; "" when none is
}

const byItself = "by itself"

// Kill ends processes, politely first: SIGINT to the roots, whose children
// follow where the program cancels them; then SIGINT to each one left,
// SIGTERM, SIGKILL, with a pause for all of them after each rung. A signal that
// a process ignores is left out for it, and SIGINT where it blocks or does not
// catch that: a shell starts background jobs with SIGINT ignored, and waiting
// for these is vain.
//
// It refuses, by name: ourselves and our ancestors; a pid that is another
// process now; a process with another uid than the root of its tree; kernel
// threads and init; a tree with a process at a debugger prompt, without Force.
// Zombies can't be killed and are reported with the parent that must reap them.
//
// To find nothing alive is no failure. The error is ctx's, with what was done
// so far in the report, or says that the host can't act at all.
func Kill(ctx context.Context, h Host, r KillRequest) (KillReport, error) {
	if r.Grace <= 0 {
		r.Grace = 5 * time.Second
	}
	k := &hunt{h: h, act: h.Act(), req: r, began: time.Now(), byID: map[ID]*quarry{}, rung: byItself}
	if k.act == nil && !r.DryRun {
		return KillReport{}, fmt.Errorf("kill: %w: it can only be looked at", ErrUnsupported)
	}
	if err := k.begin(ctx); err != nil {
		return k.report, err
	}
	k.plan()
	if r.DryRun {
		return k.report, nil
	}
	err := k.climb(ctx)
	k.survivors(ctx)
	if err != nil {
		return k.report, fmt.Errorf("kill: %w", err)
	}
	return k.report, nil
}
