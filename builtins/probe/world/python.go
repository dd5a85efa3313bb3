package world

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"runbook/builtins/probe"
	"runbook/builtins/probe/pystack"
	"runbook/engine/lazyregexp"
)

// python is what the interpreter of a process does, and the names of the tasks
// that end the waits of others, or may: they may stand further down.
type python struct {
	answer             pystack.Answer
	owners, candidates map[string]string // by the name of the task that waits
	places             []place           // of the tasks
}

const pythonLines = `python PID VERSION [unproven]; or, after that, python PID thread NAME "FUNCTION FILE:LINE SOURCE"… or python PID task NAME STATE "FUNCTION FILE:LINE SOURCE"… [name=value…]`

// python reads a line about the Python of a process.
func (w *world) python(rest []string) error {
	if len(rest) < 2 {
		return errors.New(pythonLines)
	}
	pid, err := w.there(rest[0])
	if err != nil {
		return fmt.Errorf("python: %w", err)
	}
	p := w.procs[pid].python
	if p == nil && version().MatchString(rest[1]) && len(rest) <= 3 {
		proved := len(rest) == 2
		w.procs[pid].python = &python{owners: map[string]string{}, candidates: map[string]string{}, answer: pystack.Answer{Lines: pystack.Lines{}, Process: &pystack.Process{
			PID: pid, Python: rest[1], Proof: pystack.Proof{Proved: proved, Tries: 1}, Threads: []pystack.Thread{}, Tasks: []pystack.Task{}}}}
		if !proved && rest[2] != "unproven" {
			return errors.New(pythonLines)
		}
		return nil
	}
	switch {
	case p != nil && rest[1] == "thread" && len(rest) > 2:
		return p.thread(pid, rest[2:])
	case p != nil && rest[1] == "task" && len(rest) > 3:
		return p.task(w.at, pid, rest[2:])
	}
	return errors.New(pythonLines)
}

// thread is one whose frames are given, the innermost first. The first is the
// main one.
func (p *python) thread(pid int, rest []string) error {
	t := pystack.Thread{Name: bare(rest[0]), TID: pid + len(p.answer.Process.Threads)}
	frames, rest, err := p.frames(rest[1:])
	if err != nil {
		return err
	}
	t.Frames = frames
	var back *float64
	o, err := options(rest)
	if err == nil {
		err = o.read(map[string]setter{"tid": whole(&t.TID, 1), "back": seconds(&back)}, map[string]*bool{"gil": &t.HoldsGIL, "daemon": &t.Daemon})
	}
	if back != nil {
		t.Limit = &pystack.Limit{Within: *back, After: *back}
	}
	p.answer.Process.Threads = append(p.answer.Process.Threads, t)
	return err
}

// task is one with its await chain, the outermost frame first, and what it waits
// for.
func (p *python) task(at place, pid int, rest []string) error {
	t := pystack.Task{ID: len(p.answer.Process.Tasks), Library: "trio", Name: bare(rest[0]), Parent: -1, Nursery: -1, State: rest[1], TID: pid, Schedules: -1, Ran: -1, Cancelled: new(false)}
	if err := oneOf(&t.State, "state", pystack.Parked, pystack.Running, pystack.Runnable)(bare(rest[1])); err != nil {
		return fmt.Errorf("task %s: %w", t.Name, err)
	}
	frames, rest, err := p.frames(rest[2:])
	if err != nil {
		return err
	}
	t.Chain = frames
	wait, owner, candidate, parent := pystack.Wait{FD: -1, Owner: -1}, "", "", ""
	o, err := options(rest)
	if err == nil {
		err = o.read(map[string]setter{
			"library": oneOf(&t.Library, "library", "trio", "asyncio"), "tid": whole(&t.TID, 1), "wait": oneOf(&wait.Kind, "wait", waits...), "fd": whole(&wait.FD, 0), "pid": whole(&wait.PID, 1),
			"owner": text(&owner), "candidate": text(&candidate), "detail": text(&wait.Detail), "parent": text(&parent), "deadline": seconds(&t.Deadline), "nursery": whole(&t.Nursery, 0), "schedules": whole(&t.Schedules, 0),
		}, map[string]*bool{"cancelled": t.Cancelled, "shielded": &t.Shielded, "deaf": &t.Deaf, "endless": &t.Endless})
	}
	if err != nil {
		return fmt.Errorf("task %s: %w", t.Name, err)
	}
	if wait.Kind != "" {
		t.Waits = []pystack.Wait{wait}
	}
	if parent != "" {
		t.Parent = slices.IndexFunc(p.answer.Process.Tasks, func(t pystack.Task) bool { return t.Name == parent })
		if t.Parent < 0 {
			return fmt.Errorf("task %s: parent=%s: there is no such task yet", t.Name, parent)
		}
	}
	if owner != "" && wait.Kind == "" {
		return fmt.Errorf("task %s: owner=%s, and wait= says of what", t.Name, owner)
	}
	if candidate != "" && (wait.Kind == "" || owner != "") {
		return fmt.Errorf("task %s: candidate=%s, and wait= says of what, owner= that it is known", t.Name, candidate)
	}
	p.answer.Process.Tasks, p.owners[t.Name], p.candidates[t.Name] = append(p.answer.Process.Tasks, t), owner, candidate
	p.places = append(p.places, at)
	return nil
}

// What a task may wait for: see pystack.Wait.
var waits = []string{"read", "write", "lock", "semaphore", "capacity", "condition", "event", "receive", "send", "nursery",
	"task", "gather", "group", "sleep", "forever", "thread", "process", "queue", "future"}

var version = lazyregexp.New(`^3\.[0-9]+(\.[0-9]+)?$`)

var frameText = lazyregexp.New(`^(\S+) (\S+):(\d+)(?: (.*))?$`)

// frames takes the quoted words that a line goes on with.
func (p *python) frames(rest []string) (frames []pystack.Frame, options []string, err error) {
	for len(rest) > 0 && strings.HasPrefix(rest[0], quote) {
		x := frameText().FindStringSubmatch(bare(rest[0]))
		if x == nil {
			return nil, nil, fmt.Errorf(`%q is not "FUNCTION FILE:LINE SOURCE"`, bare(rest[0]))
		}
		line, err := strconv.Atoi(x[3])
		if err != nil {
			return nil, nil, fmt.Errorf("%s is no line of a file", x[3])
		}
		frames, rest = append(frames, pystack.Frame{Func: x[1], File: x[2], Line: line}), rest[1:]
		if x[4] != "" {
			if p.answer.Lines[x[2]] == nil {
				p.answer.Lines[x[2]] = map[int]string{}
			}
			p.answer.Lines[x[2]][line] = x[4]
		}
	}
	return frames, rest, nil
}

// show writes it as it is kept in a capture.
func (p *python) show(m *probe.Answers, dir string, at time.Time) error {
	tasks := p.answer.Process.Tasks
	for i := range tasks {
		called := func(name string) int {
			return slices.IndexFunc(tasks, func(t pystack.Task) bool { return t.Name == name })
		}
		if owner := p.owners[tasks[i].Name]; owner != "" {
			if tasks[i].Waits[0].Owner = called(owner); tasks[i].Waits[0].Owner < 0 {
				return &Mistake{p.places[i].line, fmt.Errorf("task %s: owner=%s: there is no such task", tasks[i].Name, owner)}
			}
		}
		if candidate := p.candidates[tasks[i].Name]; candidate != "" {
			at := called(candidate)
			if at < 0 {
				return &Mistake{p.places[i].line, fmt.Errorf("task %s: candidate=%s: there is no such task", tasks[i].Name, candidate)}
			}
			tasks[i].Waits[0].Candidates = []int{at}
		}
	}
	p.answer.At = at
	b, err := json.Marshal(p.answer)
	m.Files[dir+"python"] = b
	return err
}
