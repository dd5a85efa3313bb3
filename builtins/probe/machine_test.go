package probe

import "testing"

func TestParseLoadAvg(t *testing.T) {
	for text, want := range map[string][3]float64{
		"0.20 1.05 15.00 3/512 24377\n": {0.20, 1.05, 15},
		"0.20 1.05":                     {-1, -1, -1},
		"0.20 many 15.00 3/512 24377\n": {-1, -1, -1},
		"":                              {-1, -1, -1},
	} {
		one, five, fifteen, err := parseLoadAvg([]byte(text))
		if got := [3]float64{one, five, fifteen}; got != want || (err != nil) != (want[0] < 0) {
			t.Errorf("%q: %v, %v; want %v", text, got, err, want)
		}
	}
}
