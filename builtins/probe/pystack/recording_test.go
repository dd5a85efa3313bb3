package pystack

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"runbook/builtins/probe"
)

var (
	recordPID = flag.Int("record", 0, "record this process, which runs a toy target, into testdata/recordings")
	recordAs  = flag.String("record-as", "", "name of that recording: 3.11-trio")
	update    = flag.Bool("update", false, "write what the recordings show anew")
)

func TestRecordAToyTarget(t *testing.T) {
	if *recordPID == 0 {
		t.Skip("by hand: -record PID -record-as NAME")
	}
	h, err := probe.NewLive(probe.LiveOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var r Recording
	p, err := Read(context.Background(), h, *recordPID, Options{Record: &r, Locals: true, Tries: 50})
	if err != nil || !p.Proof.Proved {
		t.Fatal(p, err)
	}
	var buf bytes.Buffer
	z, _ := gzip.NewWriterLevel(&buf, gzip.BestCompression)
	_, _ = z.Write(r.Bytes())
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join("testdata", "recordings", *recordAs+".gz"), buf.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

// recordings returns the recordings of toy targets by name: 3.11-trio.
func recordings(t testing.TB) map[string][]byte {
	t.Helper()
	files, err := filepath.Glob("testdata/recordings/*.gz")
	if err != nil || len(files) == 0 {
		t.Fatalf("no recordings: %v", err)
	}
	out := map[string][]byte{}
	for _, file := range files {
		f, err := os.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		z, err := gzip.NewReader(f)
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(z)
		if err != nil {
			t.Fatal(err)
		}
		f.Close()
		out[strings.TrimSuffix(filepath.Base(file), ".gz")] = b
	}
	return out
}

func processOf(b []byte, o Options) (*Process, error) {
	r, err := ParseRecording(b)
	if err != nil {
		return nil, err
	}
	return r.Process(o)
}

// render shows a Process as a page of text. Addresses of threads differ from run
// to run, and lines of libraries from release to release: it is for recordings.
func render(p *Process) string {
	var s strings.Builder
	fmt.Fprintf(&s, "CPython %s, proved %v\n", p.Python, p.Proof.Proved)
	frames := func(list []Frame) {
		for _, f := range list {
			fmt.Fprintf(&s, "    %s %s:%d %v\n", f.Func, filepath.Base(f.File), f.Line, f.Locals)
		}
	}
	for _, t := range p.Threads {
		fmt.Fprintf(&s, "thread %q gil=%v\n", t.Name, t.HoldsGIL)
		frames(t.Frames)
	}
	for _, t := range p.Tasks {
		cancelled := "?"
		if t.Cancelled != nil {
			cancelled = fmt.Sprint(*t.Cancelled)
		}
		fmt.Fprintf(&s, "task %d %s %q of %d nursery %d %s cancelled=%s shielded=%v deaf=%v schedules=%d\n",
			t.ID, t.Library, t.Name, t.Parent, t.Nursery, t.State, cancelled, t.Shielded, t.Deaf, t.Schedules)
		for _, w := range t.Waits {
			fmt.Fprintf(&s, "  waits %s fd=%d pid=%d owner=%d %s", w.Kind, w.FD, w.PID, w.Owner, w.Detail)
			if w.Candidates != nil {
				fmt.Fprintf(&s, "; candidates %v", w.Candidates)
			}
			s.WriteByte('\n')
		}
		frames(t.Chain)
	}
	for _, n := range p.Notes {
		fmt.Fprintf(&s, "note %s\n", n)
	}
	return s.String()
}

// TestRecordingsShowWhatTheyDid replays toy targets of each minor version, on
// machines without that Python, or without any.
func TestRecordingsShowWhatTheyDid(t *testing.T) {
	for name, b := range recordings(t) {
		p, err := processOf(b, Options{Locals: true})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got, golden := render(p), filepath.Join("testdata", "recordings", name+".txt")
		if *update {
			if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if got != string(want) {
			t.Errorf("%s shows\n%s\nwant\n%s", name, got, want)
		}
	}
}

func TestNoOtherVersionsRowFitsARecording(t *testing.T) {
	for name, b := range recordings(t) {
		for version := range tables {
			at := place{Version: version}
			if strings.HasPrefix(name, at.String()+"-") {
				continue
			}
			// Where another row looks, the recording may have nothing.
			if _, err := processOf(b, Options{version: version}); !errors.Is(err, ErrLayout) && !errors.Is(err, ErrNotPython) {
				t.Errorf("%s read by the row of %v: %v, want ErrLayout", name, at, err)
			}
		}
	}
}

// Before 3.11 the version stands in names alone, which may have been changed.
func TestAVersionThatNothingTellsIsFoundOut(t *testing.T) {
	tried := 0
	for name, b := range recordings(t) {
		r, err := ParseRecording(b)
		if err != nil {
			t.Fatal(err)
		}
		if r.head.Place.Version >= 0x30b {
			continue
		}
		tried++
		r.head.Place.Version = 0
		p, err := r.Process(Options{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if want, _, _ := strings.Cut(name, "-"); p.Python != want {
			t.Errorf("%s is taken for %s", name, p.Python)
		}
	}
	if tried == 0 {
		t.Error("no recording of a version before 3.11")
	}
}

func TestParseRecordingRefusesWhatIsNone(t *testing.T) {
	for _, b := range []string{"", "hello", recordingMagic, recordingMagic + "{}", recordingMagic + "{]\n", recordingMagic + "{}\nxyz"} {
		if _, err := ParseRecording([]byte(b)); err == nil {
			t.Errorf("%q is taken for a recording", b)
		}
	}
}

// FuzzFlippedWords reads recordings in which words were changed: no panic, no
// endless loop, bounded reads; a result or an error.
func FuzzFlippedWords(f *testing.F) {
	var names []string
	all := recordings(f)
	for name := range all {
		names = append(names, name)
	}
	for i := range uint64(len(names)) {
		f.Add(uint16(i), i*977, i*0x1000, uint8(1))
		f.Add(uint16(i), i*31, ^uint64(0), uint8(3))
	}
	f.Fuzz(func(t *testing.T, which uint16, where, value uint64, how uint8) {
		flipped(t, all[names[int(which)%len(names)]], where, value, how)
	})
}

// flipped changes three words of a recording and reads it.
func flipped(t *testing.T, b []byte, where, value uint64, how uint8) {
	t.Helper()
	r, err := ParseRecording(bytes.Clone(b))
	if err != nil {
		t.Fatal(err)
	}
	var words []([]byte)
	for _, addr := range sortedPages(r.pages) {
		for page := r.pages[addr]; len(page) >= 8; page = page[8:] {
			if binary.LittleEndian.Uint64(page) != 0 {
				words = append(words, page[:8])
			}
		}
	}
	for i := range uint64(3) {
		w := words[(where+i*where*7919)%uint64(len(words))]
		old := binary.LittleEndian.Uint64(w)
		switch how % 5 {
		case 0:
			old = value
		case 1:
			old += value
		case 2:
			old ^= 1 << (value % 64)
		case 3: // a pointer that leads to another place that there is
			old = binary.LittleEndian.Uint64(words[value%uint64(len(words))])
		case 4:
			old = 0
		}
		binary.LittleEndian.PutUint64(w, old)
	}
	p, err := r.Process(Options{Locals: true})
	if (p == nil) == (err == nil) {
		t.Fatalf("%v, %v", p, err)
	}
}

// TestFlippedWordsAreSurvived is the fuzz target's short way, for each run of the
// tests: some hundred damages of each recording.
func TestFlippedWordsAreSurvived(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	for _, b := range recordings(t) {
		for range 20 {
			flipped(t, b, random.Uint64(), random.Uint64N(1<<48), uint8(random.Uint32()))
		}
	}
}

func sortedPages(pages map[uint64][]byte) []uint64 { return slices.Sorted(maps.Keys(pages)) }
