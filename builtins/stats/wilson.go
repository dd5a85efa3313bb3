package stats

import "math"

// Interval is between which rates the truth lies, at the confidence asked for.
type Interval struct{ Low, High float64 }

// Wilson is the score interval of a failure rate: no failure in 3 runs still
// allows a rate of 56 %, none in 10 one of 28 %. No runs allow everything.
//
// It is the set of rates p for which the count seen lies within z standard
// deviations of n·p, solved for p (Wilson 1927). The textbook's rate ± z·√(…/n)
// says "0 % ± 0" of 3 clean runs, which is the very mistake to avoid.
//
// Its coverage is the stated one on average over rates. For runs that were
// stopped because of what they showed it is a little less; what decides there
// is the test that stopped them.
func Wilson(t Tally, confidence float64) (Interval, error) {
	if err := t.check(); err != nil {
		return Interval{}, err
	}
	if err := within("confidence", confidence, 0, 1); err != nil {
		return Interval{}, err
	}
	if t.Runs == 0 {
		return Interval{0, 1}, nil
	}
	n, p := float64(t.Runs), t.Rate()
	z := math.Sqrt2 * math.Erfinv(confidence)
	z2 := z * z
	middle := (p + z2/(2*n)) / (1 + z2/n)
	half := z / (1 + z2/n) * math.Sqrt(p*(1-p)/n+z2/(4*n*n))
	in := Interval{max(0, middle-half), min(1, middle+half)}
	if t.Failures == 0 {
		in.Low = 0 // exactly, where the subtraction leaves a crumb
	}
	if t.Failures == t.Runs {
		in.High = 1
	}
	return in, nil
}
