package probe

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// plan says what would be done to each.
func (k *hunt) plan() {
	for _, q := range k.order {
		step := Step{Process: q.Process}
		var out []string
		if q.zombie {
			out = append(out, "a zombie can't be killed")
		} else {
			for _, sig := range []int{sigINT, sigTERM, sigKILL} {
				if why := q.vain(sig); why != "" {
					out = append(out, why)
				} else {
					step.Signals = append(step.Signals, sigName(sig))
				}
			}
		}
		step.Why = strings.Join(out, "; ")
		k.report.Plan = append(k.report.Plan, step)
	}
}

// vain says why it is no use to send sig; "" when it may help.
func (q *quarry) vain(sig int) string {
	switch {
	case sig == sigKILL:
		return ""
	case q.masks == nil && sig == sigINT:
		return "whether it catches SIGINT could not be read"
	case q.masks == nil:
		return ""
	case Has(q.masks.Ignored, sig):
		return "ignores " + sigName(sig)
	case sig != sigINT:
		return "" // blocked is not vain: who takes signals with sigwait(3) or signalfd(2) blocks them
	case Has(q.masks.Blocked, sig):
		return "blocks SIGINT"
	case !Has(q.masks.Caught, sig):
		return "does not catch SIGINT" // it would die as of SIGTERM, and no gentler
	}
	return ""
}

// climb goes up the ladder until nobody is left.
func (k *hunt) climb(ctx context.Context) error {
	for _, rung := range []struct {
		sig   int
		roots bool
	}{{sigINT, true}, {sigINT, false}, {sigTERM, false}, {sigKILL, false}} {
		k.look(ctx)
		k.discover(ctx)
		if len(k.living()) == 0 {
			break
		}
		k.told = nil
		if k.signal(ctx, rung.sig, rung.roots); len(k.told) == 0 {
			continue // in vain for all: there is nothing to wait for
		}
		if err := k.wait(ctx, rung.sig); err != nil {
			return err
		}
	}
	return k.reaped(ctx)
}

func (k *hunt) living() []*quarry {
	var out []*quarry
	for _, q := range k.order {
		if !q.done && !q.zombie {
			out = append(out, q)
		}
	}
	return out
}

// signal sends sig to those whom it may help, and who were not sent it before.
func (k *hunt) signal(ctx context.Context, sig int, roots bool) {
	for _, q := range k.living() {
		if roots && !q.root || q.got == sig || q.vain(sig) != "" {
			continue
		}
		k.rung = sigName(sig)
		err := k.act.Signal(ctx, q.ID, sig)
		switch {
		case Gone(err), errors.Is(err, ErrReused):
			k.ended(q)
			continue
		case err != nil:
			q.refused = err.Error()
			continue
		}
		q.got = sig
		k.told = append(k.told, q)
		k.say("%s to %s", k.rung, named(q.Process))
		if sig != sigKILL && q.Stopped() {
			// A stopped process holds the signal until it goes on.
			_ = k.act.Signal(ctx, q.ID, sigCONT)
		}
	}
}

// toFollow is how long those who were not signalled may take to follow the last
// one that was: children are cancelled, or notice that their parent is gone.
const toFollow = 300 * time.Millisecond

// wait gives those who were signalled time to end, and the others the little
// that it takes to follow them. Children that are forked meanwhile get
// the last rung's signal at once, that of the others when their rung comes.
func (k *hunt) wait(ctx context.Context, sig int) error {
	grace := k.req.Grace
	if sig == sigKILL {
		grace = max(grace, 2*time.Second) // nothing is left to try: only the kernel's own work
	}
	deadline := time.Now().Add(grace)
	deserted := false // of those who were signalled, nobody is left
	for pause := time.Millisecond; ; pause = min(2*pause, 50*time.Millisecond) {
		k.look(ctx)
		if k.discover(ctx) && sig == sigKILL {
			k.signal(ctx, sig, false)
		}
		if !deserted && !slices.ContainsFunc(k.told, func(q *quarry) bool { return !q.done }) {
			deserted = true
			if follow := time.Now().Add(toFollow); follow.Before(deadline) {
				deadline = follow
			}
		}
		left := time.Until(deadline)
		if len(k.living()) == 0 || left <= 0 {
			return nil
		}
		if err := sleep(ctx, min(pause, left)); err != nil {
			return err
		}
	}
}

// look notes who has ended.
func (k *hunt) look(ctx context.Context) {
	for _, q := range k.order {
		if q.done {
			continue
		}
		s, err := readLife(ctx, k.h, q.PID)
		switch {
		case Gone(err), err == nil && s.ID != q.ID:
			k.ended(q)
		case err != nil:
		case s.ended() && !q.zombie:
			k.ended(q)
		default:
			q.State = s.State
		}
	}
}

// ended notes that q is no more. A zombie of ours counts: what is left is its
// parent's to reap.
func (k *hunt) ended(q *quarry) {
	q.done = true
	k.report.Ended = append(k.report.Ended, Ending{q.Process, k.rung, time.Since(k.began)})
}

// reaped waits a moment for zombies whose parent has just ended: init, or
// whoever adopted them, reaps them.
func (k *hunt) reaped(ctx context.Context) error {
	for range 20 {
		k.look(ctx)
		if !slices.ContainsFunc(k.order, func(q *quarry) bool {
			return q.zombie && !q.done && k.parentEnded(q)
		}) {
			return nil
		}
		if err := sleep(ctx, 10*time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}

func (k *hunt) parentEnded(child *quarry) bool {
	return slices.ContainsFunc(k.order, func(q *quarry) bool { return q.PID == child.PPID && q.done })
}

// survivors says why each one left is still there.
func (k *hunt) survivors(ctx context.Context) {
	ctx = context.WithoutCancel(ctx) // the reasons are short reads, and wanted after Ctrl-C too
	for _, q := range k.order {
		if !q.done {
			k.report.Survived = append(k.report.Survived, Survivor{q.Process, k.why(ctx, q)})
		}
	}
}

func (k *hunt) why(ctx context.Context, q *quarry) string {
	s, err := readLife(ctx, k.h, q.PID)
	switch {
	case q.zombie:
		if err == nil {
			q.PPID = s.PPID
		}
		return fmt.Sprintf("zombie of pid %d: its parent must reap it", q.PPID)
	case q.refused != "":
		return q.refused
	case q.got != sigKILL:
		return "we stopped before SIGKILL"
	case err == nil && s.State == "D":
		why := "in a wait that nothing interrupts (D): SIGKILL takes effect when that is over"
		if wchan, err := k.h.ReadFile(ctx, pidText(q.PID)+"/wchan", nil); err == nil && len(wchan) > 1 {
			why += ", in " + Clean(wchan)
		}
		return why
	}
	return "still there after SIGKILL, in state " + q.State
}
