package event

import (
	"errors"
	"math"
	"reflect"
	"testing"
)

// full is a sink whose disk fills up after some events.
type full struct {
	room   int
	got    []int
	closed int
}

var errFull = errors.New("no space left on device")

func (f *full) Write(e Event) error {
	if len(f.got) == f.room {
		return errFull
	}
	f.got = append(f.got, e.Seq)
	return nil
}

func (f *full) Close() error { f.closed++; return nil }

func TestTeeDropsTheSinkThatFailsAndKeepsTheOthers(t *testing.T) {
	small, large := &full{room: 1}, &full{room: 9}
	var complaints []error
	tee := Tee(func(s Sink, err error) {
		if s != Sink(small) {
			t.Errorf("blamed the wrong sink")
		}
		complaints = append(complaints, err)
	}, small, large)
	for seq := 1; seq <= 3; seq++ {
		if err := tee.Write(Event{Seq: seq}); err != nil {
			t.Fatal(err)
		}
	}
	if err := tee.Close(); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(small.got, []int{1}) || !reflect.DeepEqual(large.got, []int{1, 2, 3}) {
		t.Errorf("small got %v, large %v", small.got, large.got)
	}
	if len(complaints) != 1 || !errors.Is(complaints[0], errFull) {
		t.Errorf("complaints: %v; want one", complaints)
	}
	if small.closed != 1 || large.closed != 1 {
		t.Errorf("closed %d and %d times; want each once", small.closed, large.closed)
	}
}

func TestSubjectKeyAndLabel(t *testing.T) {
	for _, c := range []struct {
		subject    Subject
		key, label string
	}{
		{Subject{Type: "process", PID: 7, StartTime: "2026-01-02T03:04:05Z", Name: "beta"}, "process:7@2026-01-02T03:04:05Z", "beta (pid 7)"},
		{Subject{Type: "process", PID: 7}, "process:7@", "pid 7"},
		{Subject{Type: "path", Path: "/run/a.sock"}, "path:/run/a.sock", "/run/a.sock"},
		{Subject{Type: "source", Path: "a.py", Line: 3, Column: 9}, "source:a.py:3:9", "a.py:3"},
		{Subject{Type: "address", Address: "127.0.0.1:80"}, "address:127.0.0.1:80", "127.0.0.1:80"},
		{Subject{Type: "test", ID: "t.py::x"}, "test:t.py::x", "t.py::x"},
		{Subject{Type: "process", PID: math.MinInt}, "process:-9223372036854775808@", "pid -9223372036854775808"}, // from a hostile record
	} {
		if got := c.subject.Key(); got != c.key {
			t.Errorf("key %q, want %q", got, c.key)
		}
		if got := c.subject.Label(); got != c.label {
			t.Errorf("label %q, want %q", got, c.label)
		}
	}
}
