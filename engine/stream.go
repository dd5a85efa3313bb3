package engine

import (
	"sync"
	"time"

	"runbook/engine/event"
)

// stream numbers and stamps events and hands them to the sink, one at a time.
// It also keeps what later steps may ask for.
type stream struct {
	mu       sync.Mutex
	sink     event.Sink
	now      func() time.Time
	seq      int
	err      error // of the sink; nothing is written after it
	findings []event.Finding
	covered  map[event.Coverage]bool
	counts   map[event.Verdict]int
}

func newStream(sink event.Sink, now func() time.Time) *stream {
	return &stream{sink: sink, now: now, covered: map[event.Coverage]bool{}, counts: map[event.Verdict]int{}}
}

// emit puts one event into the stream. It reports whether it did: alive says
// no when the step that speaks is over, and equal coverage is said once.
func (s *stream) emit(e event.Event, alive func() bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if alive != nil && !alive() {
		return
	}
	switch e.Kind {
	case event.KindCovered:
		if s.covered[*e.Covered] {
			return
		}
		s.covered[*e.Covered] = true
	case event.KindFound:
		s.findings = append(s.findings, *e.Found)
		s.counts[e.Found.Verdict]++
	}
	if e.Kind != event.KindProgressed { // which no record keeps: a gap there means that lines were lost
		s.seq++
	}
	e.Seq = s.seq
	e.At = s.now().Round(0) // without the monotonic clock, which no record keeps
	if s.err == nil && s.sink != nil {
		s.err = s.sink.Write(e)
	}
}

// said returns a copy of the findings so far.
func (s *stream) said() []event.Finding {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]event.Finding(nil), s.findings...)
}

func (s *stream) tally() map[event.Verdict]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := map[event.Verdict]int{}
	for v, n := range s.counts {
		out[v] = n
	}
	return out
}

func (s *stream) failed() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}
