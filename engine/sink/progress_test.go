package sink_test

import (
	"strings"
	"testing"
	"time"

	"runbook/engine/event"
	"runbook/engine/sink"
)

// A log has a line for each milestone, a heartbeat while nothing ends, and no
// more: the signs of life come five times a second.
func TestProgressIsALineNowAndThen(t *testing.T) {
	began := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	var b strings.Builder
	p := sink.NewProgress(&b, 30*time.Second)
	write := func(after time.Duration, text string, milestone bool) {
		e := event.Event{At: began.Add(after), Kind: event.KindProgressed, Progressed: &event.Progressed{Text: text, Milestone: milestone}}
		if err := p.Write(e); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Write(event.Event{At: began, Kind: event.KindRunStarted, RunStarted: &event.RunStarted{}}); err != nil {
		t.Fatal(err)
	}
	write(100*time.Millisecond, "a.py begins", true)
	for d := 200 * time.Millisecond; d < 65*time.Second; d += 200 * time.Millisecond {
		write(d, "a.py at work", false)
	}
	write(65*time.Second, "a.py: passed", true)
	write(66*time.Second, "b.py at work", false)
	want := " 100ms  a.py begins\n 30.2s  a.py at work\n 1m00s  a.py at work\n 1m05s  a.py: passed\n"
	if got := b.String(); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}
