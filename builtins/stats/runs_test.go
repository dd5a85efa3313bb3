package stats

import "testing"

func TestHowManyMoreRunsItTakes(t *testing.T) {
	for _, c := range []struct {
		a, b Tally
		want int
	}{
		{Tally{3, 3}, Tally{0, 3}, 1},
		{Tally{4, 4}, Tally{0, 4}, 0},
		{Tally{2, 3}, Tally{0, 3}, 4}, // 5 of 7 against none
		{Tally{1, 3}, Tally{0, 3}, 11},
		{Tally{2, 6}, Tally{2, 6}, -1}, // equal rates never differ
		{Tally{0, 5}, Tally{0, 9}, -1},
		{Tally{0, 0}, Tally{0, 9}, -1}, // nothing is known of one side
	} {
		got, err := MoreRuns(c.a, c.b, 0.05, 1000)
		if err != nil || got != c.want {
			t.Errorf("%s against %s: %d, %v: want %d", c.a, c.b, got, err, c.want)
		}
		if got > 0 {
			if p := fisher(c.a.onwards(got), c.b.onwards(got)); p > 0.05 {
				t.Errorf("%s against %s: p = %v after %d more", c.a, c.b, p, got)
			}
			if p := fisher(c.a.onwards(got-1), c.b.onwards(got-1)); p <= 0.05 {
				t.Errorf("%s against %s: p = %v after one less than %d", c.a, c.b, p, got)
			}
		}
	}
}

func TestHowManyCleanRunsItTakes(t *testing.T) {
	for _, c := range []struct {
		rate, confidence float64
		want             int
	}{{0.5, 0.96, 5}, {0.5, 0.99, 7}, {0.5, 0.75, 2}, {0.3, 0.95, 9}, {0.01, 0.95, 299}, {0.999, 0.5, 1}} {
		got, err := CleanRuns(c.rate, c.confidence)
		if err != nil || got != c.want {
			t.Errorf("rate %v at %v: %d, %v: want %d", c.rate, c.confidence, got, err, c.want)
		}
	}
}
