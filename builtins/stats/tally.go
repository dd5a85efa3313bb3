// Package stats judges what fails only sometimes: how often does it fail, does
// one side fail more often than the other, and since which commit.
//
//	k of n failed ──▶ Wilson   between which rates that leaves us
//	              ──▶ SPRT     is the answer known, or one more run?
//	two sides     ──▶ Fisher   how often chance alone makes such a difference
//	              ──▶ Plan     when to stop running them in turn
//	commits       ──▶ Bisect   which to test next, and which it is
//
// Everything is computed by enumeration or in closed form, nothing is drawn at
// random: equal counts give equal answers. Nothing here touches a machine.
package stats

import (
	"errors"
	"fmt"
)

// Tally is how often something failed. Runs that said nothing, such as those
// that somebody else killed, are not in it.
type Tally struct{ Failures, Runs int }

// MostRuns is the largest number of runs that a Tally may have. Beyond it,
// answers would take long for no gain: nobody runs a test a million times.
const MostRuns = 1_000_000

// Rate is the share of failures; 0 when there were no runs.
func (t Tally) Rate() float64 {
	if t.Runs == 0 {
		return 0
	}
	return float64(t.Failures) / float64(t.Runs)
}

func (t Tally) String() string { return fmt.Sprintf("%d of %d", t.Failures, t.Runs) }

// and is the tally after one more run.
func (t Tally) and(failed bool) Tally {
	t.Runs++
	if failed {
		t.Failures++
	}
	return t
}

func (t Tally) check() error {
	switch {
	case t.Runs < 0 || t.Failures < 0:
		return fmt.Errorf("%d failures of %d runs: want numbers that are not negative", t.Failures, t.Runs)
	case t.Failures > t.Runs:
		return fmt.Errorf("%d failures of %d runs: more failures than runs", t.Failures, t.Runs)
	case t.Runs > MostRuns:
		return fmt.Errorf("%d runs: want at most %d", t.Runs, MostRuns)
	}
	return nil
}

func checkBoth(a, b Tally) error { return errors.Join(a.check(), b.check()) }

// within checks that x is a probability strictly between low and high; NaN is
// not.
func within(name string, x, low, high float64) error {
	if x > low && x < high {
		return nil
	}
	return fmt.Errorf("%s %v: want more than %v and less than %v", name, x, low, high)
}
