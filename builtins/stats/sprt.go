package stats

import (
	"fmt"
	"math"
)

// Answer is what a test says of the runs so far.
type Answer string

// Answers.
const (
	GoOn Answer = "go on" // one more run, please

	Accept Answer = "accept" // of SPRT: the rate is below the upper one
	Reject Answer = "reject" // of SPRT: the rate is above the lower one

	Differ Answer = "differ" // of Plan: one side fails more often
	Stop   Answer = "stop"   // of Plan: further runs would hardly show a difference
)

// SPRT is the sequential test of one failure rate (Wald 1945), asked after every
// run: is it at most Low, or at least High?
//
//	Reject  it is not Low or less. Said wrongly with probability at most Alpha.
//	Accept  it is not High or more. Said wrongly with probability at most Beta.
//
// Between Low and High either answer is right, and the test takes longest. The
// bounds are 1/Alpha and Beta, not Wald's (1-Beta)/Alpha and Beta/(1-Alpha):
// his keep the errors only roughly, these keep them at any time of stopping
// (Ville's inequality), for a run or two more.
type SPRT struct {
	Low, High   float64 // failure rates
	Alpha, Beta float64 // error rates
}

// Check says what is wrong with the test's own figures.
func (s SPRT) Check() error {
	if err := within("rate p1", s.High, 0, 1); err != nil {
		return err
	}
	if err := within("rate p0", s.Low, 0, 1); err != nil {
		return err
	}
	if s.Low >= s.High {
		return fmt.Errorf("rates p0 %v and p1 %v: want p0 below p1", s.Low, s.High)
	}
	if err := within("alpha", s.Alpha, 0, 0.5); err != nil {
		return err
	}
	return within("beta", s.Beta, 0, 0.5)
}

// Look is the answer after these runs. The error rates hold when it is asked
// after every run and the runs end with the first answer.
func (s SPRT) Look(t Tally) (Answer, error) {
	if err := t.check(); err != nil {
		return "", err
	}
	if err := s.Check(); err != nil {
		return "", err
	}
	return s.look(t), nil
}

func (s SPRT) look(t Tally) Answer {
	passes := float64(t.Runs - t.Failures)
	ratio := float64(t.Failures)*(math.Log(s.High)-math.Log(s.Low)) + passes*(math.Log1p(-s.High)-math.Log1p(-s.Low))
	switch {
	case ratio >= -math.Log(s.Alpha):
		return Reject
	case ratio <= math.Log(s.Beta):
		return Accept
	}
	return GoOn
}

// Prospect is what a stopping rule does on average.
type Prospect struct {
	Answers map[Answer]float64 // the probability of each
	Runs    float64            // expected; of Plan: both sides together
}

// Prospect is what the test does with a true rate, when it is cut off after
// that many runs. It is computed over all outcomes, not drawn.
func (s SPRT) Prospect(rate float64, most int) Prospect {
	p := Prospect{Answers: map[Answer]float64{}}
	going := []float64{1} // by failures: the probability to be there, undecided
	for n := 1; n <= most; n++ {
		next := make([]float64, n+1)
		for k, w := range going {
			p.Runs += w
			next[k] += w * (1 - rate)
			next[k+1] += w * rate
		}
		for k, w := range next {
			if a := s.look(Tally{k, n}); a != GoOn {
				p.Answers[a] += w
				next[k] = 0
			}
		}
		going = next
	}
	for _, w := range going {
		p.Answers[GoOn] += w
	}
	return p
}
