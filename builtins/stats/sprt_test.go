package stats

import (
	"math"
	"testing"
)

var gates = []SPRT{
	{0.01, 0.25, 0.05, 0.05},
	{0.02, 0.10, 0.05, 0.05},
	{0.10, 0.50, 0.01, 0.05},
	{0.40, 0.60, 0.05, 0.01},
}

func TestSPRTStopsWhenTheAnswerIsKnown(t *testing.T) {
	gate := gates[0]
	for _, c := range []struct {
		seen Tally
		want Answer
	}{
		{Tally{0, 0}, GoOn},
		{Tally{0, 3}, GoOn},    // three clean runs
		{Tally{0, 10}, GoOn},   // still allow a quarter
		{Tally{0, 11}, Accept}, // now they do not
		{Tally{1, 1}, Reject},  // it is not one in a hundred
		{Tally{1, 12}, GoOn},
		{Tally{2, 12}, Reject},
	} {
		got, err := gate.Look(c.seen)
		if err != nil || got != c.want {
			t.Errorf("%s: %s, %v: want %s", c.seen, got, err, c.want)
		}
	}
}

// The errors, added up over every outcome: at the two rates themselves and
// beyond them, wherever the runs are cut off.
func TestSPRTKeepsItsErrorRates(t *testing.T) {
	for _, gate := range gates {
		for _, most := range []int{10, 50, 400} {
			for _, share := range []float64{0, 0.5, 1} {
				low, high := gate.Low*share, 1-(1-gate.High)*share
				if wrong := gate.Prospect(low, most).Answers[Reject]; wrong > gate.Alpha {
					t.Errorf("%+v, rate %v: wrongly rejected %.4f of the time", gate, low, wrong)
				}
				if wrong := gate.Prospect(high, most).Answers[Accept]; wrong > gate.Beta {
					t.Errorf("%+v, rate %v: wrongly accepted %.4f of the time", gate, high, wrong)
				}
			}
		}
		// What never answers makes no errors either: it must end, and mostly rightly.
		at := gate.Prospect(gate.High, 400)
		if at.Answers[Reject] < 1-gate.Beta-0.01 || at.Runs > 200 {
			t.Errorf("%+v: at its upper rate %v", gate, at)
		}
	}
}

// Prospect against every sequence of 14 runs, one by one.
func TestProspectOfSPRTIsASumOverAllSequences(t *testing.T) {
	const most, rate = 14, 0.3
	for _, gate := range gates {
		want := Prospect{Answers: map[Answer]float64{}}
		for sequence := range 1 << most {
			p, seen, answer, ended := 1.0, Tally{}, GoOn, 0
			for i := range most {
				failed := sequence>>i&1 == 1
				if failed {
					p *= rate
				} else {
					p *= 1 - rate
				}
				if answer == GoOn {
					seen = seen.and(failed)
					answer, ended = gate.look(seen), i+1
				}
			}
			want.Answers[answer] += p
			want.Runs += p * float64(ended)
		}
		got := gate.Prospect(rate, most)
		for _, a := range []Answer{Accept, Reject, GoOn} {
			if math.Abs(got.Answers[a]-want.Answers[a]) > 1e-12 {
				t.Errorf("%+v: %s: %v, want %v", gate, a, got.Answers[a], want.Answers[a])
			}
		}
		if math.Abs(got.Runs-want.Runs) > 1e-9 {
			t.Errorf("%+v: %v runs, want %v", gate, got.Runs, want.Runs)
		}
	}
}

func TestSPRTRefusesFiguresThatMakeNoTest(t *testing.T) {
	for _, bad := range []SPRT{{0, 0.5, 0.05, 0.05}, {0.5, 0.5, 0.05, 0.05}, {0.6, 0.5, 0.05, 0.05}, {0.1, 1, 0.05, 0.05}, {0.1, 0.5, 0, 0.05}, {0.1, 0.5, 0.05, 0.7}, {math.NaN(), 0.5, 0.05, 0.05}} {
		if a, err := bad.Look(Tally{1, 2}); err == nil {
			t.Errorf("%+v: no error, but %s", bad, a)
		}
	}
}
