package stats

import (
	"fmt"
	"math"
)

// Bisect finds the commit that brought a failure which does not always appear.
//
// The commits are 0 … N-1, oldest first: the first comes right after one that is
// known to be good, the last is known to be bad. One of them is the culprit.
// From it on the failure appears at an unknown rate, before it at an unknown
// lower one, often 0.
//
// Ordinary bisection takes a passing run as proof, and with a flaky failure ends
// at a wrong commit in good faith; running n times a step spends most runs on
// steps that were clear, and too few on the others. Here every run, passed or
// failed, moves the probability of each commit, and the next run goes where it
// is expected to tell most: that repeats a commit exactly where it pays.
//
// Make one with NewBisect. The answers depend on the counts alone, not on the
// order of the runs.
type Bisect struct {
	n       int
	tallies []Tally // by commit; tallies[0] is of the known good one before the first
	skip    []bool
}

// MostCommits is the largest N of a Bisect.
const MostCommits = 10_000

// NewBisect begins a search among n commits.
func NewBisect(n int) (*Bisect, error) {
	if n < 1 || n > MostCommits {
		return nil, fmt.Errorf("%d commits: want 1 to %d", n, MostCommits)
	}
	return &Bisect{n: n, tallies: make([]Tally, n+1), skip: make([]bool, n)}, nil
}

// Observe takes in a run at commit i; -1 is the known good commit before the
// first. Runs that were made before the search, at both ends, are worth telling:
// they say how often the failure appears.
func (b *Bisect) Observe(i int, failed bool) error {
	if i < -1 || i >= b.n {
		return fmt.Errorf("commit %d: want -1 to %d", i, b.n-1)
	}
	if b.tallies[i+1].Runs >= MostRuns {
		return fmt.Errorf("commit %d: more than %d runs", i, MostRuns)
	}
	b.tallies[i+1] = b.tallies[i+1].and(failed)
	return nil
}

// Skip says that commit i cannot be tested: it does not build, say. It may still
// be the culprit.
func (b *Bisect) Skip(i int) error {
	if i < 0 || i >= b.n {
		return fmt.Errorf("commit %d: want 0 to %d", i, b.n-1)
	}
	b.skip[i] = true
	return nil
}

// What is believed of the two rates before any run. The failure may be certain,
// or of any rate. Before the culprit it is most often not there at all, else
// rare; how often it is granted to be there is the price of not taking a stray
// failure for proof: at 5 % before the culprit and 60 % after, a search that
// excludes it blames a wrong commit one time in five. No rate is quite 0 or 1,
// so that no single run rules a commit out for good.
var (
	ratesBad = rates( // each rate and its weight
		0.1, 0.02, 0.2, 0.05, 0.35, 0.13, 0.5, 0.2, 0.65, 0.2, 0.8, 0.2, 0.999, 0.2)
	ratesGood = rates(0.001, 0.8, 0.03, 0.08, 0.08, 0.08, 0.2, 0.03, 0.4, 0.01)
)

// leastRatio is how much more often it fails since the culprit: a difference was
// shown before anybody searches for its cause.
const leastRatio = 2.4

type rate struct {
	log, log1m float64 // of the rate, and of its complement
	value      float64
	weight     float64 // log
}

// rates reads pairs of a rate and its weight.
func rates(pairs ...float64) []rate {
	var out []rate
	for i := 0; i < len(pairs); i += 2 {
		p, w := pairs[i], pairs[i+1]
		out = append(out, rate{math.Log(p), math.Log1p(-p), p, math.Log(w)})
	}
	return out
}

// belief is what the runs so far say of one commit as the culprit.
type belief struct {
	weight    float64 // probability that it is
	bad, good float64 // if it is: the expected failure rates from it on, and before
}

// believe is Bayes' rule on the grid of both rates, a commit at a time.
func (b *Bisect) believe() []belief {
	// If c is the culprit, the runs before it are good ones and the others bad.
	var before, after Tally
	for _, t := range b.tallies {
		after = after.plus(t)
	}
	out := make([]belief, b.n)
	logs := make([]float64, b.n)
	most := math.Inf(-1)
	for c := range out {
		before, after = before.plus(b.tallies[c]), after.minus(b.tallies[c])
		out[c], logs[c] = given(before, after)
		most = max(most, logs[c])
	}
	sum := 0.0
	for c := range out {
		out[c].weight = math.Exp(logs[c] - most)
		sum += out[c].weight
	}
	for c := range out {
		out[c].weight /= sum
	}
	return out
}

// given is the expected rates when these runs were good ones and those bad, and
// the logarithm of how well that explains them.
func given(good, bad Tally) (belief, float64) {
	var explainBad, explainGood [8]float64
	for i, r := range ratesBad {
		explainBad[i] = r.weight + bad.logLikelihood(r)
	}
	for i, r := range ratesGood {
		explainGood[i] = r.weight + good.logLikelihood(r)
	}
	most := math.Inf(-1)
	for i, pb := range ratesBad {
		for j, pg := range ratesGood {
			if pb.value >= leastRatio*pg.value {
				most = max(most, explainBad[i]+explainGood[j])
			}
		}
	}
	var sum float64
	var out belief
	for i, pb := range ratesBad {
		for j, pg := range ratesGood {
			if pb.value >= leastRatio*pg.value {
				w := math.Exp(explainBad[i] + explainGood[j] - most)
				sum += w
				out.bad += w * pb.value
				out.good += w * pg.value
			}
		}
	}
	out.bad /= sum
	out.good /= sum
	return out, most + math.Log(sum)
}

func (t Tally) logLikelihood(r rate) float64 {
	return float64(t.Failures)*r.log + float64(t.Runs-t.Failures)*r.log1m
}

func (t Tally) plus(u Tally) Tally  { return Tally{t.Failures + u.Failures, t.Runs + u.Runs} }
func (t Tally) minus(u Tally) Tally { return Tally{t.Failures - u.Failures, t.Runs - u.Runs} }

// Best is the likeliest commit and the probability that it is the culprit. Where
// commits were skipped it is the last of a group that no run can tell apart, and
// the probability is the group's: see Among.
func (b *Bisect) Best() (i int, confidence float64) {
	_, i, confidence = b.best(b.believe())
	return i, confidence
}

// Among is the group of Best, oldest first: itself alone, unless the commits right
// before it were skipped.
func (b *Bisect) Among() []int {
	first, last, _ := b.best(b.believe())
	var group []int
	for c := first; c <= last; c++ {
		group = append(group, c)
	}
	return group
}

func (b *Bisect) best(beliefs []belief) (first, last int, confidence float64) {
	for from := 0; from < b.n; {
		to, sum := from, beliefs[from].weight
		for to < b.n-1 && b.skip[to] { // a run at `to` would have told it from the next
			to++
			sum += beliefs[to].weight
		}
		if sum > confidence {
			first, last, confidence = from, to, sum
		}
		from = to + 1
	}
	return first, last, min(confidence, 1)
}

// Next is the commit at which one more run is expected to tell most about which
// is the culprit; the oldest of equals. It is -1 when no run can tell any more:
// one commit is left, or all that would help were skipped.
func (b *Bisect) Next() int { return b.next(b.believe()) }

// next maximizes the mutual information of the run's outcome and the culprit:
// how uncertain the outcome is, less how uncertain it would still be if the
// culprit were known. A coin toss that is uncertain either way is worth nothing.
func (b *Bisect) next(beliefs []belief) int {
	var fails, noise float64 // if commit i ran: probability to fail; entropy that knowing the culprit would leave
	for _, c := range beliefs {
		fails += c.weight * c.good
		noise += c.weight * entropy(c.good)
	}
	best, at := 1e-12, -1
	for i, c := range beliefs {
		fails += c.weight * (c.bad - c.good)
		noise += c.weight * (entropy(c.bad) - entropy(c.good))
		if told := entropy(fails) - noise; !b.skip[i] && told > best {
			best, at = told, i
		}
	}
	return at
}

// entropy is of an outcome of probability p, in nats.
func entropy(p float64) float64 {
	if p <= 0 || p >= 1 {
		return 0
	}
	return -p*math.Log(p) - (1-p)*math.Log1p(-p)
}
