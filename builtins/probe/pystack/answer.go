package pystack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"runbook/builtins/probe"
)

// Answer is what a read of PID/python gives: what the interpreter of a process
// does, and the source of the lines at which it stands. It is made where the
// process lives, and is what a capture keeps: names, files and lines, no value
// of any variable.
type Answer struct {
	At      time.Time `json:"at"` // of the reading
	Process *Process  `json:"process,omitempty"`
	Lines   Lines     `json:"lines,omitempty"`
	// Not says that there is nothing to be read, and Why: "python", it is no
	// Python; "supported", one that we do not read; "understood", one that is not
	// laid out as we know it.
	Not string `json:"not,omitempty"`
	Why string `json:"why,omitempty"`
}

const (
	notPython     = "python"
	notSupported  = "supported"
	notUnderstood = "understood"
)

// File answers reads of PID/python and PID/python.loops on a machine that lives:
// it is what probe.LiveOptions.Python is to be. Errors are those of Read that are
// none of Answer.Not.
func File(ctx context.Context, l *probe.Live, pid int, file string) ([]byte, error) {
	if file == loopsFile {
		list, err := Loops(ctx, l, pid)
		if err != nil {
			return nil, err
		}
		return json.Marshal(list)
	}
	a := Answer{At: l.Now()}
	p, err := Read(ctx, l, pid, Options{})
	switch {
	case err == nil:
		var notes []string
		a.Lines, notes = sourceOf(ctx, l, p)
		p.Notes = append(p.Notes, notes...)
		a.Process = p
	case errors.Is(err, ErrNotPython):
		a.Not, a.Why = notPython, err.Error()
	case errors.Is(err, ErrLayout):
		a.Not, a.Why = notUnderstood, err.Error()
	case errors.Is(err, ErrUnsupported):
		a.Not, a.Why = notSupported, err.Error()
	default:
		return nil, err
	}
	return json.Marshal(a)
}

// Ask asks what the interpreter of a process does, on any host.
//
// Names, files and source are clean of what steers a terminal. Errors are those
// of Read; all but ErrNotPython and ErrNoMemory are rows of the coverage.
func Ask(ctx context.Context, h probe.Host, pid int) (*Answer, error) {
	b, err := h.ReadFile(ctx, strconv.Itoa(pid)+"/python", nil)
	switch {
	case errors.Is(err, probe.ErrNotCaptured):
		return replayed(ctx, h, pid)
	case err != nil:
		why, remedy := refused(ctx, h, pid, err)
		if why != "" {
			err = fmt.Errorf("%w: %s", err, why)
		}
		probe.Cover(ctx, "pystack", pid, err, remedy)
		return nil, err
	}
	a := &Answer{}
	if err := json.Unmarshal(b, a); err != nil {
		return nil, fmt.Errorf("pystack %d: not the answer that is expected: %w", pid, err)
	}
	a.clean()
	switch a.Not {
	case notPython:
		return nil, &said{a.Why, ErrNotPython}
	case notUnderstood, notSupported:
		err := &said{a.Why, map[string]error{notUnderstood: ErrLayout, notSupported: ErrUnsupported}[a.Not]}
		probe.Cover(ctx, "pystack", pid, err, "")
		return nil, err
	}
	if a.Process == nil {
		return nil, fmt.Errorf("pystack %d: the answer is empty", pid)
	}
	probe.Cover(ctx, "pystack", pid, nil, "")
	return a, nil
}

// replayed is the answer out of a capture that has the memory of a process.
func replayed(ctx context.Context, h probe.Host, pid int) (*Answer, error) {
	p, err := Read(ctx, h, pid, Options{})
	if errors.Is(err, probe.ErrNotCaptured) {
		err = &said{err.Error(), ErrNoMemory}
	}
	if errors.Is(err, ErrNoMemory) {
		return nil, err
	}
	probe.Cover(ctx, "pystack", pid, err, "")
	if err != nil {
		return nil, err
	}
	a := &Answer{At: h.Now(), Process: p}
	a.clean()
	return a, nil
}

// said is an error that was written down: its text, and which it was.
type said struct {
	text string
	kind error
}

func (s *said) Error() string { return s.text }
func (s *said) Unwrap() error { return s.kind }

// refused says why we may not read the memory of a process, and what would help.
func refused(ctx context.Context, h probe.Host, pid int, err error) (why, remedy string) {
	if !probe.Denied(err) {
		return "", ""
	}
	uid := -1
	if p, err := probe.ReadProcess(ctx, h, pid); err == nil {
		uid = p.UID
	}
	return probe.Refused(ctx, h, uid), probe.Remedy(ctx, h, uid)
}

// AskAll asks several processes, a few at once. A process that could not be
// asked is nil, and errs says why.
func AskAll(ctx context.Context, h probe.Host, pids []int) (answers []*Answer, errs []error) {
	return askEach(ctx, h, pids, Ask)
}

// AskThoseWithTasks is AskAll, but that of a process without tasks the answer is
// nil, as is the error: what most of that is, is not even read.
func AskThoseWithTasks(ctx context.Context, h probe.Host, pids []int) (answers []*Answer, errs []error) {
	return askEach(ctx, h, pids, func(ctx context.Context, h probe.Host, pid int) (*Answer, error) {
		if has := mayHaveTasks(ctx, h, pid); !has {
			return nil, nil
		}
		a, err := Ask(ctx, h, pid)
		if err != nil || len(a.Process.Tasks) == 0 {
			return nil, err
		}
		return a, nil
	})
}

func askEach(ctx context.Context, h probe.Host, pids []int, ask func(context.Context, probe.Host, int) (*Answer, error)) (answers []*Answer, errs []error) {
	answers, errs = make([]*Answer, len(pids)), make([]error, len(pids))
	probe.Abreast(ctx, len(pids), func(ctx context.Context, i int) {
		if errs[i] = ctx.Err(); errs[i] == nil {
			answers[i], errs[i] = ask(ctx, h, pids[i])
		}
	})
	return answers, errs
}

// clean takes out of an answer what steers a terminal: it holds the words of
// somebody else's program, or of a file that anybody may have written.
func (a *Answer) clean() {
	clean := func(texts ...*string) {
		for _, t := range texts {
			*t = probe.Clean([]byte(*t))
		}
	}
	frames := func(list []Frame) {
		for i := range list {
			f := &list[i]
			clean(&f.Func, &f.File)
			for j := range f.Locals {
				clean(&f.Locals[j].Name, &f.Locals[j].Type)
			}
		}
	}
	clean(&a.Not, &a.Why)
	if p := a.Process; p != nil {
		clean(&p.Python)
		for i := range p.Notes {
			clean(&p.Notes[i])
		}
		for i := range p.Threads {
			clean(&p.Threads[i].Name)
			frames(p.Threads[i].Frames)
		}
		for i := range p.Tasks {
			t := &p.Tasks[i]
			clean(&t.Library, &t.Name, &t.State)
			frames(t.Chain)
			for j := range t.Waits {
				clean(&t.Waits[j].Kind, &t.Waits[j].Detail)
			}
		}
	}
	lines := Lines{}
	for file, texts := range a.Lines {
		own := map[int]string{}
		for n, text := range texts {
			own[n] = probe.Clean([]byte(text))
		}
		lines[probe.Clean([]byte(file))] = own
	}
	a.Lines = lines
}
