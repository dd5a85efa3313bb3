package sink_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"runbook/engine/event"
	"runbook/engine/sink"
)

// keep records events and returns the directory.
func keep(t testing.TB, events []event.Event) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "run")
	s, err := sink.NewRecord(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range events {
		if err := s.Write(e); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return dir
}

func open(t testing.TB, dir string) *os.File {
	t.Helper()
	f, err := os.Open(filepath.Join(dir, sink.EventsFile))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func TestReplayDrawsWhatTheLiveRunDrew(t *testing.T) {
	opts := []sink.TerminalOptions{
		{},
		{Width: 100, Color: true, Unicode: true},
		{Width: 160, Color: true, Unicode: true, Verbose: 1, Zone: time.FixedZone("CEST", 7200)},
	}
	for _, opt := range opts {
		var replayed bytes.Buffer
		cutOff, err := sink.Replay(open(t, keep(t, wedged())), sink.NewTerminal(&replayed, opt))
		if err != nil || cutOff {
			t.Fatalf("cut off %v, error %v", cutOff, err)
		}
		if diff := cmp.Diff(draw(t, wedged(), opt), replayed.String()); diff != "" {
			t.Errorf("%+v (-live +replayed):\n%s", opt, diff)
		}
	}
}

func TestEveryKindOfEventSurvivesTheRecord(t *testing.T) {
	var want, got []event.Event
	for _, e := range wedged() {
		if e.Progressed == nil { // carries no fact
			want = append(want, e)
		}
	}
	cutOff, err := sink.ReadRecord(open(t, keep(t, wedged())), func(e event.Event) error {
		got = append(got, e)
		return nil
	})
	if err != nil || cutOff {
		t.Fatalf("cut off %v, error %v", cutOff, err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-written +read):\n%s", diff)
	}
}

// The line of progress goes on between events, at most ten times a second, and
// nothing of it stays.
func TestProgressTicksAndLeavesNothingBehind(t *testing.T) {
	opt := sink.TerminalOptions{Width: 60, Unicode: true}
	quiet := draw(t, wedged(), opt)
	opt.Live = true
	var b bytes.Buffer
	s := sink.NewTerminal(&b, opt)
	events := wedged()
	for i, e := range events {
		if err := s.Write(e); err != nil {
			t.Fatal(err)
		}
		for now := e.At; i+1 < len(events) && now.Before(events[i+1].At); now = now.Add(10 * time.Millisecond) {
			s.Tick(now)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	live := b.String()
	for _, want := range []string{"Find the trees · 0ms\r", "Look twice · sample · 102ms\r", "Look twice · sample · 902ms\r"} {
		if !strings.Contains(live, want) {
			t.Errorf("no %q was drawn:\n%q", want, live)
		}
	}
	if n := strings.Count(live, "Look twice · "); n > 10 {
		t.Errorf("drawn %d times in 0.9 s, at most ten a second were promised:\n%q", n, live)
	}
	if diff := cmp.Diff(quiet, screen(t, live, opt.Width)); diff != "" {
		t.Errorf("(-without progress +what stays on the terminal):\n%s", diff)
	}
}

func TestProgressSaysWhatIsWaitedFor(t *testing.T) {
	at := time.Date(2026, 10, 1, 12, 0, 0, 0, time.UTC)
	var b bytes.Buffer
	s := sink.NewTerminal(&b, sink.TerminalOptions{Width: 60, Live: true})
	for _, e := range []event.Event{
		{At: at, StepStarted: &event.StepStarted{Name: "looks"}},
		{At: at.Add(20 * time.Millisecond), Progressed: &event.Progressed{Text: "looking twice, 5s apart"}},
	} {
		if err := s.Write(e); err != nil {
			t.Fatal(err)
		}
	}
	s.Tick(at.Add(1200 * time.Millisecond))
	s.Clear()
	s.Tick(at.Add(2 * time.Second)) // somebody else writes now
	if want := "\r\x1b[K| looks - 0ms\r\x1b[K/ looks - looking twice, 5s apart - 1.2s\r\x1b[K"; b.String() != want {
		t.Errorf("%q, want %q", b.String(), want)
	}
}

// screen is what stays on a terminal that was written s: it knows the carriage
// return and "erase to the right", which leaves behind what went beyond the last
// column.
func screen(t *testing.T, s string, width int) string {
	t.Helper()
	var done strings.Builder
	var line []rune
	at := 0
	for len(s) > 0 {
		if rest, ok := strings.CutPrefix(s, "\x1b[K"); ok {
			line, s = line[:at], rest
			continue
		}
		r := []rune(s)[0]
		s = s[len(string(r)):]
		switch r {
		case '\r':
			if len(line) > width {
				t.Fatalf("a line of progress of more than %d columns: %q", width, string(line))
			}
			at = 0
		case '\n':
			done.WriteString(string(line) + "\n")
			line, at = nil, 0
		case '\x1b':
			t.Fatalf("an escape sequence that this terminal does not know, before %.20q", s)
		default:
			line = append(line[:at], r)
			at++
		}
	}
	return done.String() + string(line)
}

func TestACrashLeavesAReadableBeginning(t *testing.T) {
	whole, err := os.ReadFile(filepath.Join(keep(t, wedged()), sink.EventsFile))
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.SplitAfter(whole, []byte("\n"))
	third := len(lines[0]) + len(lines[1]) + len(lines[2])/2
	for _, tc := range []struct {
		name   string
		record []byte
		events int
		cutOff bool
	}{
		{"whole", whole, len(lines) - 1, false},
		{"cut within a line", whole[:third], 2, true},
		{"cut between two lines", whole[:len(lines[0])+len(lines[1])], 2, true},
		{"cut within the last line", whole[:len(whole)-5], len(lines) - 2, true},
		{"the last newline is missing", whole[:len(whole)-1], len(lines) - 1, false},
		{"zeros after a power cut", append(append([]byte{}, lines[0]...), make([]byte, 4096)...), 1, true},
		{"cut within the first line", whole[:20], 0, true},
		{"nothing", nil, 0, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			n := 0
			cutOff, err := sink.ReadRecord(bytes.NewReader(tc.record), func(event.Event) error { n++; return nil })
			if err != nil || n != tc.events || cutOff != tc.cutOff {
				t.Errorf("%d events, cut off %v, error %v; want %d, %v, none", n, cutOff, err, tc.events, tc.cutOff)
			}
		})
	}
}

func TestLinesThatWereTakenOutAreMissed(t *testing.T) {
	whole, err := os.ReadFile(filepath.Join(keep(t, wedged()), sink.EventsFile))
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.SplitAfter(whole, []byte("\n"))
	for out := range len(lines) - 2 {
		rest := slices.Concat(slices.Clone(lines[:out]), lines[out+1:])
		n := 0
		_, err := sink.ReadRecord(bytes.NewReader(bytes.Join(rest, nil)), func(event.Event) error { n++; return nil })
		if want := fmt.Sprintf("record: lines are missing after seq %d", out); err == nil || err.Error() != want || n != len(lines)-2 {
			t.Errorf("without line %d: %d events, error %v; want %d, %s", out+1, n, err, len(lines)-2, want)
		}
	}
}

func TestWhatIsNoRecordIsSaidSoWithItsLine(t *testing.T) {
	for _, tc := range []struct{ record, want string }{
		{"hello\n", "line 1: not an event"},
		{"\x7fELF\x02\x01", "line 1: not an event"},
		{"{}\n", "line 1: not an event: no kind"},
		{`{"seq":1,"kind":"said","said":{"text":"a"}}` + "\n" + `{"seq":2,"kind":"found"}` + "\n", `line 2: not an event: kind "found" without its part`},
		{`{"seq":1,"kind":"said","said":{"text":"a"},"found":{"title":"x"}}` + "\n", `line 1: not an event: kind "said" with a part of "found"`},
		{`{"seq":1,"kind":"said","said":{"text":"a"}}` + "\n" + "garbage\n", "line 2: not an event"},
	} {
		_, err := sink.ReadRecord(strings.NewReader(tc.record), func(event.Event) error { return nil })
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%.30q: error %v, want %q", tc.record, err, tc.want)
		}
	}
}

func TestAnEndlessLineIsRefused(t *testing.T) {
	_, err := sink.ReadRecord(endless{}, func(event.Event) error { return nil })
	if err == nil || !strings.Contains(err.Error(), "line 1: longer than 64 MiB") {
		t.Errorf("error %v", err)
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'a'
	}
	return len(p), nil
}

func TestAnEventOfALaterToolIsPassedOver(t *testing.T) {
	n := 0
	_, err := sink.ReadRecord(strings.NewReader(`{"seq":1,"kind":"dreamt","dreamt":{"of":"sheep"}}`+"\n"), func(event.Event) error { n++; return nil })
	if err != nil || n != 1 {
		t.Errorf("%d events, error %v", n, err)
	}
}

func TestRecordIsPrivateAndNeverWrittenOver(t *testing.T) {
	dir := keep(t, wedged())
	for path, want := range map[string]os.FileMode{dir: 0o700, filepath.Join(dir, sink.EventsFile): 0o600} {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode().Perm(); got != want {
			t.Errorf("%s has mode %o, want %o", filepath.Base(path), got, want)
		}
	}
	if _, err := sink.NewRecord(dir); !errors.Is(err, os.ErrExist) {
		t.Errorf("a second record in one directory: %v", err)
	}
}

func TestAnEventIsOnDiskBeforeTheNext(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	s, err := sink.NewRecord(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for i, e := range wedged()[:3] {
		if err := s.Write(e); err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(filepath.Join(dir, sink.EventsFile))
		if err != nil || bytes.Count(b, []byte("\n")) != i+1 {
			t.Errorf("after event %d: %d lines, error %v", i+1, bytes.Count(b, []byte("\n")), err)
		}
	}
}

func TestAFullDiskIsAnErrorAndNoPanic(t *testing.T) {
	s := sink.NewJSONL(failing{})
	if err := s.Write(wedged()[0]); err == nil {
		t.Error("no error")
	}
	if err := s.Close(); err == nil {
		t.Error("forgotten at the end")
	}
	term := sink.NewTerminal(failing{}, sink.TerminalOptions{})
	if err := term.Write(wedged()[0]); err == nil {
		t.Error("terminal: no error")
	}
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }

func FuzzReadRecord(f *testing.F) {
	whole, err := os.ReadFile(filepath.Join(keep(f, wedged()), sink.EventsFile))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	f.Add(whole[:len(whole)/2])
	f.Add([]byte(`{"kind":"shown","shown":{"kind":"tree","nodes":[{"id":"a","parent":"a"},{"id":"b","parent":"c"},{"id":"c","parent":"b"}]}}` + "\n"))
	f.Add([]byte(`{"kind":"shown","shown":{"kind":"graph","nodes":null,"edges":[{"from":"a","to":"a"},{"from":"b","to":"a"},{"from":"a","to":"b"}]}}` + "\n"))
	f.Add([]byte(`{"kind":"found","found":{"verdict":"odd","about":null,"evidence":[{"a":{"b":[1,null,1e999]}}]}}` + "\n"))
	f.Fuzz(func(t *testing.T, record []byte) {
		var report bytes.Buffer
		json := sink.NewJSON(&report)
		term := sink.NewTerminal(&bytes.Buffer{}, sink.TerminalOptions{Width: 40, Verbose: 1})
		_, _ = sink.ReadRecord(bytes.NewReader(record), func(e event.Event) error {
			if err := json.Write(e); err != nil {
				t.Error(err)
			}
			return term.Write(e)
		})
		if err := errors.Join(json.Close(), term.Close()); err != nil {
			t.Error(err)
		}
	})
}
