package stats

import (
	"math"
	"testing"
)

func aPlan(t testing.TB, most int) *Plan {
	t.Helper()
	plan, err := NewPlan(most, 0.05)
	if err != nil {
		t.Fatal(err)
	}
	return plan
}

// Two sides with one failure rate, whatever it is: how often does the plan call
// them different? Added up over every outcome, on rates that the plan itself did
// not try.
func TestAPlanCallsEqualSidesDifferentAtMostOneTimeInTwenty(t *testing.T) {
	for _, most := range []int{4, 5, 6, 8, 10, 15, 20, 30} {
		plan := aPlan(t, most)
		worst, at := 0.0, 0.0
		for i := 1; i < 97; i++ {
			rate := float64(i) / 97
			if wrong := plan.wrong(rate); wrong > worst {
				worst, at = wrong, rate
			}
		}
		if worst > 0.0501 {
			t.Errorf("%d runs a side: %.4f at the rate %.2f", most, worst, at)
		}
		if plan.Bound > 0.05 || plan.Bound <= 0 {
			t.Errorf("%d runs a side: the bound is %v", most, plan.Bound)
		}
	}
}

// wrong is the chance to cross the bound at equal rates, without giving up hope
// earlier.
func (plan *Plan) wrong(rate float64) float64 {
	each := func(Tally) (float64, float64) { return 1 - rate, rate }
	sum := 0.0
	plan.walk(Tally{}, Tally{}, each, each, plan.differ, func(_, _ Tally, w float64) { sum += w })
	return sum
}

// Why there is a plan at all: this is what looking after every run does with the
// usual 5 %.
func TestLookingOftenAtFivePercentIsWrongTooOften(t *testing.T) {
	impatient := *aPlan(t, 20)
	impatient.Bound = 0.05
	if wrong := impatient.wrong(0.5); wrong < 0.08 {
		t.Errorf("wrong only %.3f of the time: then the plan is needless", wrong)
	}
}

// The plan's sums against every sequence of outcomes, one by one, and an answer
// that is asked for after each run.
func TestProspectOfAPlanIsASumOverAllSequences(t *testing.T) {
	const most = 6
	plan := aPlan(t, most)
	for _, rates := range [][2]float64{{0.5, 0.5}, {0.1, 0.9}, {0, 0.6}} {
		want := Prospect{Answers: map[Answer]float64{}}
		for sequence := range 1 << (2 * most) {
			p, answer, runs := 1.0, GoOn, 0
			var sides [2]Tally
			for i := range 2 * most {
				failed, side := sequence>>i&1 == 1, i%2
				if failed {
					p *= rates[side]
				} else {
					p *= 1 - rates[side]
				}
				if answer == GoOn {
					sides[side] = sides[side].and(failed)
					answer, runs = plan.look(sides[0], sides[1]), i+1
				}
			}
			want.Answers[answer] += p
			want.Runs += p * float64(runs)
		}
		got := plan.Prospect(rates[0], rates[1])
		for _, a := range []Answer{Differ, Stop, GoOn} {
			if math.Abs(got.Answers[a]-want.Answers[a]) > 1e-12 {
				t.Errorf("rates %v: %s: %v, want %v", rates, a, got.Answers[a], want.Answers[a])
			}
		}
		if math.Abs(got.Runs-want.Runs) > 1e-9 {
			t.Errorf("rates %v: %v runs, want %v", rates, got.Runs, want.Runs)
		}
	}
}

// Some runs say nothing: somebody else killed them. Then the sides get out of
// step; that must not make the promise worthless.
func TestRunsLostAtRandomDoNotBreakThePlan(t *testing.T) {
	const most = 10
	plan := aPlan(t, most)
	for _, lost := range []float64{0.1, 0.3} {
		for _, rate := range []float64{0.1, 0.3, 0.5, 0.7} {
			here, wrong := map[[2]Tally]float64{{}: 1}, 0.0
			for turn := range 2 * most {
				next := map[[2]Tally]float64{}
				for sides, w := range here {
					next[sides] += w * lost
					for _, failed := range []bool{true, false} {
						p, after := 1-rate, sides
						if failed {
							p = rate
						}
						after[turn%2] = sides[turn%2].and(failed)
						if plan.differ(after[0], after[1]) {
							wrong += w * (1 - lost) * p
						} else {
							next[after] += w * (1 - lost) * p
						}
					}
				}
				here = next
			}
			if wrong > 0.05 {
				t.Errorf("%.0f %% lost, rate %v: wrong %.4f of the time", 100*lost, rate, wrong)
			}
		}
	}
}

// What 20 runs a side can find, and what it costs. Exact figures; a change of
// the rule shows here.
func TestAPlanFindsLargeDifferencesSoon(t *testing.T) {
	plan := aPlan(t, 20)
	for _, c := range []struct {
		base, change float64
		differ, runs float64 // at least, at most
	}{
		{0, 1, 1, 9}, // 5 of 5 against 0 of 4
		{0, 0.6, 0.99, 16.5},
		{0, 0.5, 0.97, 20},
		{0.3, 0.9, 0.95, 18.5},
		{0.1, 0.5, 0.70, 23.5}, // small differences take more runs than anybody has
	} {
		p := plan.Prospect(c.base, c.change)
		if p.Answers[Differ] < c.differ || p.Runs > c.runs {
			t.Errorf("rates %v and %v: found %.3f of the time, in %.1f runs: want %v, %v", c.base, c.change, p.Answers[Differ], p.Runs, c.differ, c.runs)
		}
	}
	for _, equal := range []float64{0, 1} {
		if p := plan.Prospect(equal, equal); p.Runs > 12 {
			t.Errorf("equal sides of rate %v take %.1f runs", equal, p.Runs)
		}
	}
	// Giving up when there is no hope costs little of what could be found.
	patient := func(rateA, rateB float64) (sum float64) {
		always := func(rate float64) func(Tally) (float64, float64) {
			return func(Tally) (float64, float64) { return 1 - rate, rate }
		}
		plan.walk(Tally{}, Tally{}, always(rateA), always(rateB), plan.differ, func(_, _ Tally, w float64) { sum += w })
		return sum
	}
	for _, c := range [][2]float64{{0, 0.6}, {0, 0.4}, {0.2, 0.7}} {
		if all, ours := patient(c[0], c[1]), plan.Prospect(c[0], c[1]).Answers[Differ]; all-ours > 0.05 {
			t.Errorf("rates %v: found %.3f of the time, but %.3f without giving up", c, ours, all)
		}
	}
}

func TestAPlanOfThreeRunsNeverShowsADifference(t *testing.T) {
	plan := aPlan(t, 3)
	for _, c := range []struct {
		base, change Tally
		want         Answer
	}{
		{Tally{0, 0}, Tally{0, 0}, GoOn}, // the rates are still worth seeing
		{Tally{0, 2}, Tally{2, 2}, GoOn},
		{Tally{0, 3}, Tally{3, 3}, Stop},
	} {
		if got := plan.look(c.base, c.change); got != c.want {
			t.Errorf("%s against %s: %s, want %s", c.base, c.change, got, c.want)
		}
	}
	if more := plan.MoreRuns(Tally{0, 3}, Tally{3, 3}, 100); more != -1 {
		t.Errorf("%d more runs would do, says a plan that allows none", more)
	}
}

func TestAPlanTreatsBothSidesAlike(t *testing.T) {
	plan := aPlan(t, 12)
	for n := 0; n <= 12; n++ {
		for i := 0; i <= n; i++ {
			for j := 0; j <= n; j++ {
				if x, y := plan.differ(Tally{i, n}, Tally{j, n}), plan.differ(Tally{j, n}, Tally{i, n}); x != y {
					t.Fatalf("%d and %d of %d: %v one way round, %v the other", i, j, n, x, y)
				}
			}
		}
	}
}
