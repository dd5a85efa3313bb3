package stats

import (
	"math"
	"math/big"
	"testing"
)

func TestThreeAgainstThreeNeverReachesFivePercent(t *testing.T) {
	for n, want := range map[int]float64{1: 1, 2: 1. / 3, 3: 0.1, 4: 1. / 35, 5: 1. / 126, 6: 1. / 462} {
		p, err := Fisher(Tally{n, n}, Tally{0, n})
		if err != nil {
			t.Fatal(err)
		}
		if math.Abs(p-want) > 1e-12 {
			t.Errorf("%d of %d against 0: p = %v, want %v", n, n, p, want)
		}
	}
}

// By its definition: deal the failures out to the runs in every possible way,
// and count the ways that are as uneven. In whole numbers there is no rounding.
func TestFisherIsACountOfAllWaysToDealTheFailuresOut(t *testing.T) {
	ways := func(a, b, failures, onA int) *big.Int {
		x := new(big.Int).Binomial(int64(a), int64(onA))
		return x.Mul(x, new(big.Int).Binomial(int64(b), int64(failures-onA)))
	}
	for a := 0; a <= 9; a++ {
		for b := 0; b <= 9; b++ {
			for i := 0; i <= a; i++ {
				for j := 0; j <= b; j++ {
					seen, uneven, all := ways(a, b, i+j, i), new(big.Int), new(big.Int)
					for k := max(0, i+j-b); k <= min(a, i+j); k++ {
						w := ways(a, b, i+j, k)
						all.Add(all, w)
						if w.Cmp(seen) <= 0 {
							uneven.Add(uneven, w)
						}
					}
					want, _ := new(big.Rat).SetFrac(uneven, all).Float64()
					p, err := Fisher(Tally{i, a}, Tally{j, b})
					if err != nil {
						t.Fatal(err)
					}
					if math.Abs(p-want) > 1e-12 {
						t.Fatalf("%d of %d against %d of %d: p = %v, want %v", i, a, j, b, p, want)
					}
				}
			}
		}
	}
}

// Who is called base and who change, and whether failures or passes are
// counted, must not matter.
func TestFisherDoesNotMindWhichSideOrWhichOutcome(t *testing.T) {
	for a := 0; a <= 12; a++ {
		for b := 0; b <= 12; b++ {
			for i := 0; i <= a; i++ {
				for j := 0; j <= b; j++ {
					p := fisher(Tally{i, a}, Tally{j, b})
					for _, q := range []float64{fisher(Tally{j, b}, Tally{i, a}), fisher(Tally{a - i, a}, Tally{b - j, b})} {
						if math.Abs(p-q) > 1e-12 {
							t.Fatalf("%d of %d, %d of %d: %v and %v", i, a, j, b, p, q)
						}
					}
				}
			}
		}
	}
}

// At sizes that nobody can enumerate the answer is still a probability, and
// right where it is known otherwise.
func TestFisherIsSoundForLargeCounts(t *testing.T) {
	p, err := Fisher(Tally{500_000, MostRuns}, Tally{500_000, MostRuns})
	if err != nil || math.Abs(p-1) > 1e-9 {
		t.Errorf("equal sides: p = %v, %v", p, err)
	}
	p, err = Fisher(Tally{MostRuns, MostRuns}, Tally{0, MostRuns})
	if err != nil || p != 0 {
		t.Errorf("all against none: p = %v, %v: want 0, for the true value is below every float", p, err)
	}
	p, err = Fisher(Tally{30, 1000}, Tally{60, 1000})
	if want := 0.0016206190187386927; err != nil || math.Abs(p-want) > 1e-12 { // in fractions of whole numbers
		t.Errorf("30 and 60 of 1000: p = %v, %v: want %v", p, err, want)
	}
}
