package stats

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func aSearch(t testing.TB, n int) *Bisect {
	t.Helper()
	b, err := NewBisect(n)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// see tells runs: the commit, and F for failed or . for passed.
func (b *Bisect) see(t testing.TB, i int, outcomes string) *Bisect {
	t.Helper()
	for _, o := range outcomes {
		if err := b.Observe(i, o == 'F'); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

// A search by hand: eight commits, the failure came with commit 5.
func TestASearchGoesWhereItTellsMost(t *testing.T) {
	b := aSearch(t, 8).see(t, -1, "......").see(t, 7, "FFFF.F")
	if i := b.Next(); i < 2 || i > 4 {
		t.Errorf("begins at commit %d, far from the middle", i)
	}
	b.see(t, 3, "..")
	if i := b.Next(); i <= 3 {
		t.Errorf("after two passes at 3 it looks at %d", i)
	}
	b.see(t, 5, "F")
	if i := b.Next(); i != 4 {
		t.Errorf("fails at 5, passes at 3, but it looks at %d", i)
	}
	if _, sure := b.Best(); sure > 0.9 {
		t.Errorf("is %.3f sure, and 4 was not run", sure)
	}
	b.see(t, 4, "...").see(t, 5, "F")
	if i, sure := b.Best(); i != 5 || sure < 0.95 {
		t.Errorf("takes commit %d for the culprit, %.3f sure", i, sure)
	}
}

// Bayes' rule written out: the probability of all runs, for each commit and each
// pair of rates, run by run.
func TestBeliefIsBayesRuleOverAllHypotheses(t *testing.T) {
	type run struct {
		commit int
		failed bool
	}
	rng := rand.New(rand.NewPCG(3, 5))
	for range 50 {
		n := 1 + rng.IntN(5)
		b := aSearch(t, n)
		var runs []run
		for range rng.IntN(15) {
			r := run{rng.IntN(n+1) - 1, rng.IntN(2) == 0}
			runs = append(runs, r)
			if err := b.Observe(r.commit, r.failed); err != nil {
				t.Fatal(err)
			}
		}
		want, sum := make([]float64, n), 0.0
		for c := range want {
			for _, bad := range ratesBad {
				for _, good := range ratesGood {
					if bad.value < leastRatio*good.value {
						continue
					}
					p := math.Exp(bad.weight) * math.Exp(good.weight)
					for _, r := range runs {
						rate := good.value
						if r.commit >= c {
							rate = bad.value
						}
						if !r.failed {
							rate = 1 - rate
						}
						p *= rate
					}
					want[c] += p
				}
			}
			sum += want[c]
		}
		for c, got := range b.believe() {
			if math.Abs(got.weight-want[c]/sum) > 1e-9 {
				t.Fatalf("%d commits, runs %v: commit %d has %v, want %v", n, runs, c, got.weight, want[c]/sum)
			}
		}
	}
}

func TestTheOrderOfRunsDoesNotMatter(t *testing.T) {
	one := aSearch(t, 9).see(t, 8, "F.F").see(t, 2, "..").see(t, 5, "F")
	other := aSearch(t, 9).see(t, 5, "F").see(t, 8, "FF").see(t, 2, "..").see(t, 8, ".")
	if !slices.Equal(one.believe(), other.believe()) || one.Next() != other.Next() {
		t.Error("the same runs in another order give another answer")
	}
}

// Commits 2 and 3 do not build. Then nobody can tell them from 4, and the answer
// is all three.
func TestSkippedCommitsStayUnderSuspicion(t *testing.T) {
	b := aSearch(t, 6).see(t, -1, ".....").see(t, 5, "FFFFF").see(t, 1, "....").see(t, 4, "FFF")
	for _, i := range []int{2, 3} {
		if err := b.Skip(i); err != nil {
			t.Fatal(err)
		}
	}
	i, sure := b.Best()
	if group := b.Among(); i != 4 || sure < 0.95 || !slices.Equal(group, []int{2, 3, 4}) {
		t.Errorf("best %d, %.3f sure, among %v", i, sure, group)
	}
	for range 20 { // whatever comes, it never asks for what cannot be run
		next := b.Next()
		if next == 2 || next == 3 {
			t.Fatalf("asks for %d, which was skipped", next)
		}
		if next >= 0 {
			b.see(t, next, ".")
		}
	}
}

func TestASearchThatIsOverAsksForNothing(t *testing.T) {
	b := aSearch(t, 1)
	if i, sure := b.Best(); i != 0 || sure != 1 || b.Next() != -1 {
		t.Errorf("one commit: best %d, %v sure, next %d", i, sure, b.Next())
	}
	b = aSearch(t, 3)
	for i := range 3 {
		if err := b.Skip(i); err != nil {
			t.Fatal(err)
		}
	}
	if i, sure := b.Best(); i != 2 || math.Abs(sure-1) > 1e-12 || b.Next() != -1 {
		t.Errorf("all skipped: best %d, %v sure, next %d", i, sure, b.Next())
	}
}

func TestASearchRefusesWhatIsNotThere(t *testing.T) {
	for _, n := range []int{-1, 0, MostCommits + 1} {
		if _, err := NewBisect(n); err == nil {
			t.Errorf("%d commits: no error", n)
		}
	}
	b := aSearch(t, 3)
	for _, i := range []int{-2, 3} {
		if b.Observe(i, true) == nil || b.Skip(i) == nil {
			t.Errorf("commit %d of 3: no error", i)
		}
	}
	if b.Skip(-1) == nil {
		t.Error("the good commit was skipped")
	}
}

// trial is one search from beginning to end: the two ends run in turn until a
// plan calls them different, as before every search, then commits until the
// answer is sure enough.
func trial(t *testing.T, rng *rand.Rand, commits, culprit int, good, bad, sure float64) (found bool, runs int) {
	plan := aPlan(t, 20)
	var b *Bisect
	run := func(i int) {
		rate := good
		if i >= culprit {
			rate = bad
		}
		if err := b.Observe(i, rng.Float64() < rate); err != nil {
			t.Fatal(err)
		}
	}
	for shown := false; !shown; {
		b = aSearch(t, commits)
		for n := 0; n < plan.Most && !shown; n++ {
			run(-1)
			run(commits - 1)
			shown = plan.differ(b.tallies[0], b.tallies[commits])
		}
	}
	for runs < 1000 {
		beliefs := b.believe()
		_, best, confidence := b.best(beliefs)
		if confidence >= sure {
			return best == culprit, runs
		}
		run(b.next(beliefs))
		runs++
	}
	return false, runs
}

// naive is ordinary bisection where each step runs a commit up to n times and
// takes the first failure as proof: how often it ends at the culprit, and in how
// many runs. Nothing is drawn, every path is followed.
func naive(commits, n int, good, bad float64) (found, runs float64) {
	for culprit := range commits {
		var step func(low, high int, w float64)
		step = func(low, high int, w float64) {
			if low == high {
				if low == culprit {
					found += w
				}
				return
			}
			mid, rate := (low+high)/2, good
			if mid >= culprit {
				rate = bad
			}
			clean := math.Pow(1-rate, float64(n))
			if rate > 0 {
				runs += w * (1 - clean) / rate // it stops at the first failure
			} else {
				runs += w * float64(n)
			}
			step(low, mid, w*(1-clean))
			step(mid+1, high, w*clean)
		}
		step(0, commits-1, 1)
	}
	return found / float64(commits), runs / float64(commits)
}

// 2,000 histories of 24 commits with a failure of 60 %: the culprit is found,
// in fewer runs than by running each commit n times, though that is told the rate
// here, to choose the smallest n that finds the culprit as often, and is let off
// at each first failure. Where the failure is there before at 5 %, no n at all
// does.
func TestASearchFindsAFlakyCulpritInFewerRuns(t *testing.T) {
	if testing.Short() {
		t.Skip("4,000 searches")
	}
	t.Parallel()
	const trials, commits, bad, sure = 2000, 24, 0.6, 0.98
	for _, good := range []float64{0, 0.05} {
		rng := rand.New(rand.NewPCG(24, 60))
		var seen Tally // "failures" are the culprits found
		runs := 0
		for i := range trials {
			found, n := trial(t, rng, commits, i%commits, good, bad, sure)
			seen = seen.and(found)
			runs += n
		}
		in, err := Wilson(seen, 0.95)
		if err != nil {
			t.Fatal(err)
		}
		mean := float64(runs) / trials
		t.Logf("before %v, after %v: found %s (%.1f–%.1f %%), %.1f runs", good, bad, seen, 100*in.Low, 100*in.High, mean)
		if in.Low < 0.95 {
			t.Errorf("before %v: found %s, at least %.3f", good, seen, in.Low)
		}
		best := 0.0
		for n := 1; n <= 20; n++ {
			found, cost := naive(commits, n, good, bad)
			best = max(best, found)
			if found < seen.Rate() {
				continue
			}
			t.Logf("%d times each, any failure is bad: found %.1f %%, %.1f runs", n, 100*found, cost)
			if mean >= cost {
				t.Errorf("before %v: %.1f runs, but %d times each takes %.1f", good, mean, n, cost)
			}
			break
		}
		if good > 0 && best > 0.7 {
			t.Errorf("before %v: n times each finds it %.2f of the time", good, best)
		}
	}
}

// When the failure is certain, a search should be little worse than bisection.
func TestASearchForACertainFailureIsNearlyBisection(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	runs := 0
	for culprit := range 24 {
		found, n := trial(t, rng, 24, culprit, 0, 1, 0.98)
		if !found {
			t.Errorf("commit %d was not found", culprit)
		}
		runs += n
	}
	if mean := float64(runs) / 24; mean > 8 { // log2(24) is 4.6
		t.Errorf("takes %.1f runs", mean)
	}
}
