package stats

import (
	"math"
	"testing"
)

// Whatever is asked, the answer is an error or a number that means something.
func FuzzStats(f *testing.F) {
	f.Add(0, 0, 0, 0, 0.95, 0.05, uint16(0), []byte{})
	f.Add(3, 3, 0, 3, 0.95, 0.05, uint16(3), []byte{0, 7, 200})
	f.Add(1, 1_000_000, 999_999, 1_000_000, 1-1e-16, 1e-300, uint16(9999), []byte{255})
	f.Add(-1, math.MaxInt, math.MinInt, 5, math.Inf(1), math.NaN(), uint16(1), []byte{1, 2, 3})
	f.Fuzz(func(t *testing.T, aFailures, aRuns, bFailures, bRuns int, x, y float64, n uint16, runs []byte) {
		a, b := Tally{aFailures, aRuns}, Tally{bFailures, bRuns}
		unit := func(what string, v float64, err error) {
			if err == nil && !(v >= 0 && v <= 1) {
				t.Errorf("%s: %v", what, v)
			}
		}
		in, err := Wilson(a, x)
		unit("low", in.Low, err)
		unit("high", in.High, err)
		if err == nil && a.Runs > 0 && (in.Low > a.Rate()+1e-9 || in.High < a.Rate()-1e-9) {
			t.Errorf("%s: %v does not hold the rate", a, in)
		}
		p, err := Fisher(a, b)
		unit("fisher", p, err)
		if answer, err := (SPRT{x, y, 0.05, 0.05}).Look(a); err == nil && answer == "" {
			t.Error("no answer and no error")
		}
		if more, err := MoreRuns(a, b, y, 20); err == nil && more < -1 {
			t.Errorf("%d more runs", more)
		}
		if clean, err := CleanRuns(x, y); err == nil && clean < 1 {
			t.Errorf("%d clean runs", clean)
		}
		if plan, err := NewPlan(int(n%12), y); err == nil && aRuns < 1000 && bRuns < 1000 {
			chance, err := plan.Chance(a, b)
			unit("chance", chance, err)
			if _, err := plan.Look(a, b); err != nil && checkBoth(a, b) == nil {
				t.Error(err)
			}
		}
		search, err := NewBisect(int(n % 64))
		if err != nil {
			return
		}
		for _, r := range runs {
			i := int(r>>1)%(search.n+1) - 1
			if i >= 0 && r%7 == 3 {
				_ = search.Skip(i)
			}
			_ = search.Observe(i, r&1 == 1)
		}
		best, sure := search.Best()
		unit("confidence", sure, nil)
		if next := search.Next(); best < 0 || best >= search.n || next < -1 || next >= search.n || next >= 0 && search.skip[next] {
			t.Errorf("best %d, next %d of %d", best, next, search.n)
		}
	})
}

func BenchmarkWilson(b *testing.B) {
	for b.Loop() {
		_, _ = Wilson(Tally{2, 6}, 0.95)
	}
}

func BenchmarkFisher(b *testing.B) {
	for b.Loop() {
		_, _ = Fisher(Tally{6, 10}, Tally{1, 10})
	}
}

func BenchmarkNewPlanOf20(b *testing.B) {
	for b.Loop() {
		newPlan(20, 0.05)
	}
}

func BenchmarkNewPlanOf100(b *testing.B) {
	for b.Loop() {
		newPlan(100, 0.05)
	}
}

func BenchmarkLookAtPlanOf20(b *testing.B) {
	plan := aPlan(b, 20)
	for b.Loop() {
		plan.look(Tally{3, 5}, Tally{1, 5})
	}
}

func BenchmarkNextOf24Commits(b *testing.B)   { benchmarkNext(b, 24) }
func BenchmarkNextOf1000Commits(b *testing.B) { benchmarkNext(b, 1000) }

func benchmarkNext(b *testing.B, n int) {
	search := aSearch(b, n).see(b, -1, "....").see(b, n-1, "FF.F").see(b, n/2, "F.")
	for b.Loop() {
		search.Next()
	}
}
