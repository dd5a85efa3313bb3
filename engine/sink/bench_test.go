package sink_test

import (
	"io"
	"path/filepath"
	"testing"

	"runbook/engine/event"
	"runbook/engine/sink"
)

// small is a finding of about 200 bytes, as most are.
var small = event.Event{Seq: 7, At: wedged()[0].At, Kind: event.KindFound, Step: "blame", Found: &event.Finding{
	Verdict: event.RuleOut, Rule: "wedged-actor/network", Title: "alpha is not to blame",
	About: &event.Subject{Type: "process", PID: 24377, StartTime: "2026-10-01T11:51:07Z", Name: "alpha"},
	Pos:   "wedged-actor.star:70:22",
}}

// BenchmarkRecordFinding is a finding on its way to disk, without the fsync
// that its step pays.
func BenchmarkRecordFinding(b *testing.B) {
	for name, e := range map[string]event.Event{"small": small, "with-evidence": fault()} {
		b.Run(name, func(b *testing.B) {
			s, err := sink.NewRecord(filepath.Join(b.TempDir(), "run"))
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if err := s.Write(e); err != nil {
					b.Fatal(err)
				}
			}
			b.StopTimer()
			if err := s.Close(); err != nil {
				b.Fatal(err)
			}
		})
	}
}

func fault() event.Event {
	for _, e := range wedged() {
		if e.Found != nil {
			return e
		}
	}
	panic("the fixture has no finding")
}

func BenchmarkTerminal(b *testing.B) {
	events := wedged()
	for b.Loop() {
		s := sink.NewTerminal(io.Discard, sink.TerminalOptions{Width: 100, Color: true, Unicode: true})
		for _, e := range events {
			_ = s.Write(e)
		}
		_ = s.Close()
	}
}
