package sink

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"

	"runbook/engine/event"
)

// EventsFile is the name of the record within the directory of a run.
const EventsFile = "events.jsonl"

// maxLine is far above any event of ours; a longer line is not a record.
const maxLine = 64 << 20

type record struct {
	jsonl
	file   *os.File
	closed bool
}

// NewRecord returns a sink that keeps the events in dir/events.jsonl: the
// directory is made with mode 0700 if it is not there, the file with 0600. It is
// an error when dir holds a record already.
//
// Each event is one write(2), so a crash of ours loses none; one fsync per
// step, and at the end, bounds what a power cut costs. Signs of progress are
// not kept.
func NewRecord(dir string) (event.Sink, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("record: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(dir, EventsFile), os.O_WRONLY|os.O_APPEND|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, fmt.Errorf("record: %w", err)
	}
	return &record{jsonl: jsonl{w: f}, file: f}, nil
}

func (r *record) Write(e event.Event) error {
	if err := r.jsonl.Write(e); err != nil {
		return fmt.Errorf("record: %w", err)
	}
	if e.StepFinished != nil {
		return r.sync()
	}
	return nil
}

func (r *record) Close() error {
	if r.closed {
		return nil
	}
	r.closed = true
	err := r.sync()
	if cerr := r.file.Close(); err == nil && cerr != nil {
		err = fmt.Errorf("record: %w", cerr)
	}
	return err
}

func (r *record) sync() error {
	err := r.file.Sync()
	if errors.Is(err, syscall.EINVAL) { // a file system that has nothing to sync
		return nil
	}
	if err != nil {
		return fmt.Errorf("record: %w", err)
	}
	return nil
}

// OpenRecord opens a record to read it. Errors: it is no regular file, since
// nobody may ever write into a pipe; those of open(2).
func OpenRecord(name string) (*os.File, error) {
	f, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		f.Close()
		return nil, cmp.Or(err, fmt.Errorf("%s: not a regular file, and a record is one", name))
	}
	return f, nil
}

// ReadRecord gives the events of a record to yield, one by one, whatever its
// size. cutOff says that the run has no end in it: the tool was killed, or is
// running still. A last line that was not written to its end is part of that,
// and is passed over.
//
// Errors: a line that is no event, with its number; one of more than 64 MiB;
// those of r and of yield; after the last event, that lines are missing before
// it.
func ReadRecord(r io.Reader, yield func(event.Event) error) (cutOff bool, err error) {
	in := bufio.NewReaderSize(r, 64<<10)
	ended := false
	var lost error
	for n, seq := 1, 0; ; n++ {
		line, whole, err := readLine(in)
		if err != nil {
			return true, fmt.Errorf("record: line %d: %w", n, err)
		}
		if len(line) == 0 && !whole {
			return !ended, lost
		}
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		e, err := parseEvent(line)
		if err != nil {
			if !whole && (n > 1 || line[0] == '{') {
				return true, lost
			}
			return true, fmt.Errorf("record: line %d: %w", n, err)
		}
		if e.Seq > seq+1 && lost == nil {
			lost = fmt.Errorf("record: lines are missing after seq %d", seq)
		}
		seq = max(seq, e.Seq)
		ended = e.RunFinished != nil
		if err := yield(e); err != nil {
			return !ended, err
		}
	}
}

// readLine returns the next line without its end. whole is false for what
// stands after the last one: a line that was cut, the zeros that a file
// system leaves after a power cut, or nothing.
func readLine(in *bufio.Reader) (line []byte, whole bool, err error) {
	for {
		part, err := in.ReadSlice('\n')
		if len(line)+len(part) > maxLine {
			return nil, false, fmt.Errorf("longer than %d MiB", maxLine>>20)
		}
		line = append(line, part...)
		switch {
		case err == nil:
			return line[:len(line)-1], true, nil
		case err == io.EOF:
			return bytes.TrimLeft(line, "\x00"), false, nil
		case err != bufio.ErrBufferFull:
			return nil, false, err
		}
	}
}

// parseEvent reads one line. An event of a kind that we don't know is allowed,
// a newer tool may have written it; one that says a known kind and carries
// nothing is not, since every reader would trust the kind.
func parseEvent(line []byte) (event.Event, error) {
	var e event.Event
	if err := json.Unmarshal(line, &e); err != nil {
		return e, fmt.Errorf("not an event: %w", err)
	}
	has := map[event.Kind]bool{
		event.KindRunStarted: e.RunStarted != nil, event.KindStepStarted: e.StepStarted != nil,
		event.KindCalled: e.Called != nil, event.KindFound: e.Found != nil, event.KindShown: e.Shown != nil,
		event.KindCovered: e.Covered != nil, event.KindSaid: e.Said != nil, event.KindProgressed: e.Progressed != nil,
		event.KindAsked: e.Asked != nil, event.KindAnswered: e.Answered != nil,
		event.KindStepFinished: e.StepFinished != nil, event.KindRunFinished: e.RunFinished != nil,
	}
	if e.Kind == "" {
		return e, errors.New("not an event: no kind")
	}
	set, known := has[e.Kind]
	if known && !set {
		return e, fmt.Errorf("not an event: kind %q without its part", e.Kind)
	}
	for kind, set := range has {
		if set && kind != e.Kind {
			return e, fmt.Errorf("not an event: kind %q with a part of %q", e.Kind, kind)
		}
	}
	return e, nil
}

// Replay gives a record to a sink, as if the run took place again, and closes
// it. Of a run that was cut off the sink draws what there is.
func Replay(r io.Reader, s event.Sink) (cutOff bool, err error) {
	cutOff, err = ReadRecord(r, s.Write)
	if cerr := s.Close(); err == nil {
		err = cerr
	}
	return cutOff, err
}
