package stats

import (
	"math"
	"testing"
)

func TestWilsonSaysWhatAFewRunsAllow(t *testing.T) {
	for _, c := range []struct {
		seen      Tally
		low, high float64
	}{
		{Tally{0, 3}, 0, 0.5615}, // three clean runs prove little
		{Tally{0, 10}, 0, 0.2775},
		{Tally{0, 100}, 0, 0.0370},
		{Tally{3, 3}, 0.4385, 1},
		{Tally{2, 6}, 0.0968, 0.7000},
		{Tally{1, 10}, 0.0179, 0.4042},
		{Tally{0, 0}, 0, 1},
	} {
		in, err := Wilson(c.seen, 0.95)
		if err != nil {
			t.Fatal(err)
		}
		if math.Abs(in.Low-c.low) > 5e-5 || math.Abs(in.High-c.high) > 5e-5 {
			t.Errorf("%s: got %.4f–%.4f, want %.4f–%.4f", c.seen, in.Low, in.High, c.low, c.high)
		}
	}
}

// The interval is by its definition the rates that are within z standard
// deviations of what was seen: try all rates.
func TestWilsonIsTheRatesThatTheScoreTestAllows(t *testing.T) {
	const z = 1.959963984540054
	for n := 1; n <= 30; n++ {
		for k := 0; k <= n; k++ {
			in, err := Wilson(Tally{k, n}, 0.95)
			if err != nil {
				t.Fatal(err)
			}
			for i := 1; i < 1000; i++ {
				p := float64(i) / 1000
				off := math.Abs(float64(k)/float64(n)-p) - z*math.Sqrt(p*(1-p)/float64(n))
				if inside := p >= in.Low && p <= in.High; inside != (off <= 0) && math.Abs(off) > 1e-9 {
					t.Fatalf("%d of %d: rate %v is inside: %v; the score test misses by %v", k, n, p, inside, off)
				}
			}
		}
	}
}

// Coverage is added up over all outcomes of n runs. At single rates it swings,
// as that of every interval for counts; on average it is what it says.
func TestWilsonCoversAsOftenAsItSays(t *testing.T) {
	for _, n := range []int{3, 5, 10, 20, 50} {
		sum, worst := 0.0, 1.0
		const steps = 999
		for i := 1; i <= steps; i++ {
			p, covered := float64(i)/(steps+1), 0.0
			for k, w := range binomial(n, p) {
				in, _ := Wilson(Tally{k, n}, 0.95)
				if in.Low <= p && p <= in.High {
					covered += w
				}
			}
			sum += covered
			worst = min(worst, covered)
		}
		if mean := sum / steps; mean < 0.945 || mean > 0.97 || worst < 0.80 {
			t.Errorf("%d runs: covers %.3f on average, %.3f at worst", n, mean, worst)
		}
	}
}

// binomial are the probabilities of 0 … n failures, by Pascal's rule.
func binomial(n int, p float64) []float64 {
	row := []float64{1}
	for range n {
		next := make([]float64, len(row)+1)
		for k, w := range row {
			next[k] += w * (1 - p)
			next[k+1] += w * p
		}
		row = next
	}
	return row
}

func TestWhatIsNoTallyIsRefused(t *testing.T) {
	for _, bad := range []Tally{{-1, 3}, {4, 3}, {0, -1}, {0, MostRuns + 1}} {
		if in, err := Wilson(bad, 0.95); err == nil {
			t.Errorf("%v: no error, but %v", bad, in)
		}
		if p, err := Fisher(Tally{0, 1}, bad); err == nil {
			t.Errorf("%v: no error, but %v", bad, p)
		}
	}
	for _, confidence := range []float64{0, 1, -1, 2, math.NaN(), math.Inf(1)} {
		if _, err := Wilson(Tally{1, 2}, confidence); err == nil {
			t.Errorf("confidence %v: no error", confidence)
		}
	}
}
