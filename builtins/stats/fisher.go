package stats

// Fisher is the two-sided p-value of Fisher's exact test: if both sides failed
// at one common rate, how often would the failures that there were fall on the
// two sides as unevenly as this, or more so?
//
// "More so" is every table of the same margins that is no likelier than the one
// seen, as in R's fisher.test. It is 1 when there is nothing to compare: no
// failure, no pass, or a side without runs.
//
// 3 of 3 against 0 of 3 gives 0.10: three runs a side can never reach 5 %.
func Fisher(a, b Tally) (float64, error) {
	if err := checkBoth(a, b); err != nil {
		return 0, err
	}
	return fisher(a, b), nil
}

func fisher(a, b Tally) float64 {
	low, weight := tables(a.Runs, b.Runs, a.Failures+b.Failures)
	return asUneven(weight, a.Failures-low)
}

// tables are the probabilities of every table with these margins: weight[i] is
// that of low+i failures on side a, given runs a and b and the failures of both
// together.
//
// They are built outwards from the likeliest, each from its neighbour: no
// factorial, no logarithm, no cancellation; what is too small underflows to 0.
func tables(a, b, failures int) (low int, weight []float64) {
	low, high := max(0, failures-b), min(a, failures)
	weight = make([]float64, high-low+1)
	mode := int((int64(a) + 1) * (int64(failures) + 1) / (int64(a) + int64(b) + 2))
	mode = min(max(mode, low), high)
	sum := 1.0
	weight[mode-low] = 1
	for k := mode; k < high; k++ {
		w := weight[k-low] * float64(a-k) / float64(k+1) * float64(failures-k) / float64(b-failures+k+1)
		weight[k+1-low] = w
		sum += w
	}
	for k := mode; k > low; k-- {
		w := weight[k-low] * float64(k) / float64(a-k+1) * float64(b-failures+k) / float64(failures-k+1)
		weight[k-1-low] = w
		sum += w
	}
	for i := range weight {
		weight[i] /= sum
	}
	return low, weight
}

// asUneven sums the tables that are no likelier than the one seen. Two that are
// equally likely, the mirror image above all, differ in their last bits: the
// tolerance is R's.
func asUneven(weight []float64, seen int) float64 {
	const same = 1 + 1e-7
	p := 0.0
	for _, w := range weight {
		if w <= weight[seen]*same {
			p += w
		}
	}
	return min(p, 1)
}
