package stats

import "math"

// MoreRuns is how many more runs each side needs until Fisher's p is at most
// alpha, if both go on to fail at the rates seen so far: 1 for 3 of 3 against
// 0 of 3 at 5 %. It is 0 when that is so already, and -1 when most more runs a
// side would not do, as for equal rates.
//
// It is a forecast, not a promise: the rates seen are themselves uncertain.
func MoreRuns(a, b Tally, alpha float64, most int) (int, error) {
	if err := checkBoth(a, b); err != nil {
		return 0, err
	}
	if err := within("alpha", alpha, 0, 1); err != nil {
		return 0, err
	}
	return moreRuns(a, b, alpha, most), nil
}

func moreRuns(a, b Tally, alpha float64, most int) int {
	if fisher(a, b) <= alpha {
		return 0
	}
	if a.Runs == 0 || b.Runs == 0 || a.Rate() == b.Rate() {
		return -1
	}
	for more := 1; more <= most; more++ {
		if fisher(a.onwards(more), b.onwards(more)) <= alpha {
			return more
		}
	}
	return -1
}

// onwards is the tally after more runs at the same rate, to the nearest failure.
func (t Tally) onwards(more int) Tally {
	runs := t.Runs + more
	return Tally{int(math.Round(t.Rate() * float64(runs))), runs}
}

// CleanRuns is how many runs without a failure it takes to be that confident
// that something which failed at this rate no longer does: 5 for a flake of
// 50 % at 0.96, 7 at 0.99.
func CleanRuns(rate, confidence float64) (int, error) {
	if err := within("rate", rate, 0, 1); err != nil {
		return 0, err
	}
	if err := within("confidence", confidence, 0, 1); err != nil {
		return 0, err
	}
	n := math.Ceil(math.Log1p(-confidence) / math.Log1p(-rate) * (1 - 1e-12)) // 0.5 at 0.75 is 2, not 3
	return int(min(max(n, 1), math.MaxInt32)), nil
}
