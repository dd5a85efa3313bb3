package stats

import (
	"fmt"
	"math"
	"sort"
	"sync"
)

// Plan says when to stop running two sides in turn, base, change, base, change.
//
// Whoever looks after every run and stops at the first p < 0.05 is wrong far
// more often than 5 % of the time, for each look is one more chance to be. A plan
// has one bound for all looks (Pocock's idea): the largest at which, looking
// after every run up to Most a side, the chance to see a difference where there
// is none is at most Alpha, whatever the common rate is. It is found by counting
// every path through all outcomes, so it is exact for these small numbers, where
// the tables in books are for large ones.
//
// The promise is for sides that run in turn, either first. Runs lost at random
// do not break it (the tests count that too).
type Plan struct {
	Most  int     // runs a side
	Alpha float64 // the chance to call two equal sides different
	Bound float64 // Fisher's p at or below which they differ; 0: so few runs never show it

	p *pTable
}

// MostPlanned is the largest Most of a Plan.
const MostPlanned = 100

const (
	hopeless    = 0.05 // chance below which further runs are not worth it
	leastRuns   = 3    // a side, before hope is given up
	ratesTested = 200  // between 0 and one half; the plan treats failing and passing alike
)

// NewPlan finds the bound. Plans of the same figures are made once.
func NewPlan(most int, alpha float64) (*Plan, error) {
	if most < 1 || most > MostPlanned {
		return nil, fmt.Errorf("%d runs a side: want 1 to %d", most, MostPlanned)
	}
	if err := within("alpha", alpha, 0, 0.5); err != nil {
		return nil, err
	}
	plans.Lock()
	defer plans.Unlock()
	key := planKey{most, alpha}
	if made := plans.made[key]; made != nil {
		return made, nil
	}
	if len(plans.made) >= plansKept {
		clear(plans.made)
	}
	made := newPlan(most, alpha)
	plans.made[key] = made
	return made, nil
}

type planKey struct {
	most  int
	alpha float64
}

const plansKept = 16

var plans = struct {
	sync.Mutex
	made map[planKey]*Plan
}{made: map[planKey]*Plan{}}

func newPlan(most int, alpha float64) *Plan {
	plan := &Plan{Most: most, Alpha: alpha, p: newPTable(most)}
	bounds := plan.p.upTo(alpha)
	first := sort.Search(len(bounds), func(i int) bool {
		plan.Bound = bounds[i]
		return plan.worst() > alpha
	})
	plan.Bound = 0
	if first > 0 {
		plan.Bound = bounds[first-1]
	}
	return plan
}

// Look is the answer after these runs.
//
// Stop means that the chance to cross the bound within Most runs a side is below
// 5 %, judged from what was seen: each side's rate is drawn from its posterior
// under Jeffreys' prior. Stopping so can only lower the chance of a wrong
// Differ.
func (plan *Plan) Look(a, b Tally) (Answer, error) {
	if err := checkBoth(a, b); err != nil {
		return "", err
	}
	return plan.look(a, b), nil
}

func (plan *Plan) look(a, b Tally) Answer {
	switch {
	case plan.differ(a, b):
		return Differ
	case a.Runs >= plan.Most && b.Runs >= plan.Most:
		return Stop
	case a.Runs < leastRuns || b.Runs < leastRuns:
		return GoOn
	case plan.Bound == 0:
		return GoOn // it can never show; all that is left is to see the rates
	case plan.chance(a, b) < hopeless:
		return Stop
	}
	return GoOn
}

// Chance is the probability, judged from the runs so far, that the plan will
// show a difference; 1 when it does already.
func (plan *Plan) Chance(a, b Tally) (float64, error) {
	if err := checkBoth(a, b); err != nil {
		return 0, err
	}
	return plan.chance(a, b), nil
}

func (plan *Plan) chance(a, b Tally) float64 {
	if plan.differ(a, b) {
		return 1
	}
	chance := 0.0
	jeffreys := func(t Tally) (pass, fail float64) {
		fail = (float64(t.Failures) + 0.5) / (float64(t.Runs) + 1)
		return 1 - fail, fail
	}
	plan.walk(a, b, jeffreys, jeffreys, plan.differ, func(_, _ Tally, w float64) { chance += w })
	return min(chance, 1)
}

// MoreRuns is as the function of that name, against the plan's own bound.
func (plan *Plan) MoreRuns(a, b Tally, most int) int {
	if plan.Bound == 0 || checkBoth(a, b) != nil {
		return -1
	}
	return moreRuns(a, b, plan.Bound, most)
}

// Prospect is what the plan does with two true rates, over all outcomes.
func (plan *Plan) Prospect(rateA, rateB float64) Prospect {
	out := Prospect{Answers: map[Answer]float64{}}
	always := func(rate float64) func(Tally) (float64, float64) {
		return func(Tally) (float64, float64) { return 1 - rate, rate }
	}
	var answer Answer
	stop := func(a, b Tally) bool {
		answer = plan.look(a, b)
		return answer != GoOn
	}
	plan.walk(Tally{}, Tally{}, always(rateA), always(rateB), stop, func(a, b Tally, w float64) {
		out.Answers[answer] += w
		out.Runs += w * float64(a.Runs+b.Runs)
	})
	return out
}

// differ allows for the last bits: a table and its mirror image are equally
// uneven, and not always equal.
func (plan *Plan) differ(a, b Tally) bool { return plan.p.of(a, b) <= plan.Bound*(1+1e-9) }

// worst is the chance to call equal sides different, at the common rate where
// it is greatest.
func (plan *Plan) worst() float64 {
	// A path's probability depends only on how many of its runs failed: one
	// pass over all paths serves every rate. paths[n][k] counts those that cross
	// the bound after n runs of which k failed.
	paths := make([][]float64, 2*plan.Most+1)
	for n := range paths {
		paths[n] = make([]float64, n+1)
	}
	each := func(Tally) (float64, float64) { return 1, 1 }
	plan.walk(Tally{}, Tally{}, each, each, plan.differ, func(a, b Tally, w float64) {
		paths[a.Runs+b.Runs][a.Failures+b.Failures] += w
	})
	worst := 0.0
	for i := 1; i <= ratesTested; i++ {
		worst = max(worst, chanceOf(paths, float64(i)/(2*ratesTested)))
	}
	return worst
}

func chanceOf(paths [][]float64, rate float64) float64 {
	sum, failed, passed := 0.0, math.Log(rate), math.Log1p(-rate)
	for n, row := range paths {
		for k, count := range row {
			if count > 0 {
				sum += count * math.Exp(float64(k)*failed+float64(n-k)*passed)
			}
		}
	}
	return sum
}
