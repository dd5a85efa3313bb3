package builtins

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.starlark.net/starlark"

	"runbook/builtins/probe"
	"runbook/builtins/probe/pystack"
	"runbook/engine"
)

func (w *world) pystack() engine.Builtin {
	return engine.Builtin{
		Name: "pystack",
		Doc: "What the Python of a process does: the stack of each thread, and the trio and asyncio tasks.\n\n" +
			"It is read from the memory of the process, from outside: nothing is installed in it, and it is neither stopped nor signalled. " +
			"One reading is a snapshot: `proved` says that it is of one moment, and whether anything is stuck is for two looks to say.",
		Params:  oneProcessParam,
		Returns: "python",
		Errors:  "the process has ended, is no Python, or one that we cannot read; its memory may not be read (ptrace_scope, another user's, not dumpable)",
		Example: `[f.where for f in pystack(p).threads[0].frames]`,
		Func: func(call *engine.Call, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
			return w.ofProcess(call, args, kwargs, func(ctx context.Context, h probe.Host, p *process) (starlark.Value, error) {
				a, err := pystack.Ask(ctx, h, p.it.PID)
				if err != nil {
					return nil, err
				}
				return newPython(p, a), nil
			})
		},
	}
}

func (w *world) tasks() engine.Builtin {
	return engine.Builtin{
		Name:    "tasks",
		Doc:     "The trio and asyncio tasks of a process: where each is parked, and what it waits for.\n\nThe same as `pystack(p).tasks`.",
		Params:  oneProcessParam,
		Returns: "list of task, parents before their children; [] when it has neither trio nor asyncio",
		Errors:  "as `pystack`",
		Example: `[t for t in tasks(p) if [w for w in t.waits if w.kind == "lock"]]`,
		Func: func(call *engine.Call, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
			return w.ofProcess(call, args, kwargs, func(ctx context.Context, h probe.Host, p *process) (starlark.Value, error) {
				a, err := pystack.Ask(ctx, h, p.it.PID)
				if err != nil {
					return nil, err
				}
				return newPython(p, a).it.list(), nil
			})
		},
	}
}

func (w *world) pystacks() engine.Builtin {
	return engine.Builtin{
		Name: "pystacks",
		Doc: "`pystack` of several processes, of those that it can be read of.\n\n" +
			"One that was read less than 0.1 s ago is not read again, but for `again`. " +
			"As `sample`, it does not fail for one that has ended or may not be read: that one is left out, and `coverage` says why. " +
			"So is one that is no Python, and one whose Python was not saved when it was captured.",
		Params: []engine.Arg{
			{Name: "processes", Type: "list of process", Doc: "Also one process, or a tree."},
			{Name: "tasks", Type: "bool", Default: "False", Doc: "Leave out, too, who has no tasks, for having imported neither trio nor asyncio: to find that out costs a fraction of a reading."},
			{Name: "again", Type: "bool", Default: "False", Doc: "Read each of them now: for a second look."},
		},
		Returns: "dict of process to python",
		Errors:  "only on wrong arguments, or when the run ends meanwhile",
		Example: `pystacks(t).get(p)`,
		Func: func(call *engine.Call, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
			var of processList
			var tasks, again bool
			if err := starlark.UnpackArgs(call.Name, args, kwargs, "processes", &of, "tasks?", &tasks, "again?", &again); err != nil {
				return nil, err
			}
			return w.look(call, func(ctx context.Context, h probe.Host) (starlark.Value, error) {
				readings := make([]*python, len(of))
				var places, pids []int
				for i, p := range of {
					if x := w.recent(p, h.Now()); x != nil && !again {
						readings[i] = x
						continue
					}
					if err := same(ctx, h, p); err == nil {
						places, pids = append(places, i), append(pids, p.it.PID)
					} else if !ended(err) && !errors.Is(err, probe.ErrNotCaptured) {
						probe.Cover(ctx, "pystack", p.it.PID, err, "")
					}
				}
				ask := pystack.AskAll
				if tasks {
					ask = pystack.AskThoseWithTasks
				}
				answers, _ := ask(ctx, h, pids) // which notes its own coverage
				if err := ctx.Err(); err != nil {
					return nil, err
				}
				for i, at := range places {
					readings[at] = w.keep(of[at], answers[i])
				}
				found := starlark.NewDict(len(of))
				for i, x := range readings {
					if x != nil && !(tasks && len(x.it.tasks) == 0) {
						_ = found.SetKey(of[i], x)
					}
				}
				return found, nil
			})
		},
	}
}

// keep makes an answer a reading, and keeps it for recent; nil: there is none.
func (w *world) keep(p *process, a *pystack.Answer) *python {
	if a == nil {
		return nil
	}
	x := newPython(p, a)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.pythons[p.it.ID] = x
	return x
}

// recent is what pystacks read of a process a moment ago; nil: nothing.
func (w *world) recent(p *process, now time.Time) *python {
	const moment = 100 * time.Millisecond
	w.mu.Lock()
	defer w.mu.Unlock()
	x := w.pythons[p.it.ID]
	if x == nil || now.Sub(x.at) < 0 || now.Sub(x.at) >= moment {
		return nil
	}
	return x
}

// python is what the interpreter of one process does.
type python struct{ record[*pythonFact] }

type pythonFact struct {
	*pystack.Process
	process *process
	threads []*record[*pythonThreadFact]
	tasks   []*task
}

type pythonThreadFact struct {
	pystack.Thread
	frames []*record[frameFact]
}

type frameFact struct {
	pystack.Frame
	text string
}

func newPython(p *process, a *pystack.Answer) *python {
	f := &pythonFact{Process: a.Process, process: p}
	framesOf := func(frames []pystack.Frame) []*record[frameFact] {
		out := make([]*record[frameFact], len(frames))
		for i, x := range frames {
			out[i] = newRecord(frameKind, frameFact{x, a.Lines[x.File][x.Line]}, "", a.At)
		}
		return out
	}
	for _, t := range a.Process.Threads {
		f.threads = append(f.threads, newRecord(pythonThreadKind, &pythonThreadFact{t, framesOf(t.Frames)}, "memory", a.At))
	}
	byID := map[int]*task{}
	for _, t := range a.Process.Tasks {
		one := &task{*newRecord(taskKind, &taskFact{Task: t, process: p, frames: framesOf(t.Chain)}, "memory", a.At)}
		byID[t.ID] = one
		f.tasks = append(f.tasks, one)
	}
	for _, t := range f.tasks {
		t.it.parent = byID[t.it.Parent]
		for _, x := range t.it.Waits {
			w := taskWaitFact{Wait: x, owner: byID[x.Owner]}
			for _, id := range x.Candidates {
				if c := byID[id]; c != nil {
					w.candidates = append(w.candidates, c)
				}
			}
			t.it.waits = append(t.it.waits, newRecord(taskWaitKind, w, "memory", a.At))
		}
	}
	return &python{*newRecord(pythonKind, f, "memory", a.At)}
}

func (f *pythonFact) list() *starlark.List {
	return listOf(f.tasks, func(t *task) starlark.Value { return t })
}

var pythonKind = &kind[*pythonFact]{
	name: "python",
	doc:  "What the interpreter of a process does.",
	text: func(f *pythonFact) string { return fmt.Sprintf("%s of %s", f.Python, subjectOf(f.process.it).Label()) },
	fields: []field[*pythonFact]{
		{name: "process", typ: "process", get: func(f *pythonFact) starlark.Value { return f.process }},
		{name: "version", typ: "string", doc: `"3.11"`, get: func(f *pythonFact) starlark.Value { return text(f.Python) }},
		{name: "proved", typ: "bool", doc: "no thread ran while it was read: it is the state of one moment", get: func(f *pythonFact) starlark.Value { return truth(f.Proof.Proved) }},
		{name: "ran", typ: "list of int", doc: "the threads that ran meanwhile; [] when it is proved", get: func(f *pythonFact) starlark.Value { return listOf(f.Proof.Ran, integer[int]) }},
		{name: "threads", typ: "list of python_thread", aside: true, get: func(f *pythonFact) starlark.Value {
			return listOf(f.threads, func(t *record[*pythonThreadFact]) starlark.Value { return t })
		}},
		{name: "main", typ: "python_thread or None", doc: "of the main thread; None when that is no thread of Python's", aside: true, get: func(f *pythonFact) starlark.Value {
			for _, t := range f.threads {
				if t.it.TID == f.process.it.PID {
					return t
				}
			}
			return starlark.None
		}},
		{name: "tasks", typ: "list of task", doc: "parents before their children", aside: true, get: func(f *pythonFact) starlark.Value { return f.list() }},
		{name: "notes", typ: "list of string", doc: "what is missing, and why", get: func(f *pythonFact) starlark.Value { return listOf(f.Notes, text) }},
	},
}

var pythonThreadKind = &kind[*pythonThreadFact]{
	name: "python_thread",
	doc:  "The Python of one thread.",
	text: func(t *pythonThreadFact) string { return fmt.Sprintf("tid %v %s", unless(0, t.TID), t.Name) },
	fields: []field[*pythonThreadFact]{
		{name: "tid", typ: "int or None", doc: "the main thread's is the pid; None where it is not known", get: func(t *pythonThreadFact) starlark.Value { return unless(0, t.TID) }},
		{name: "name", typ: "string or None", doc: "as `threading` has it; None where it was not told", get: func(t *pythonThreadFact) starlark.Value { return orNone(t.Name) }},
		{name: "holds_gil", typ: "bool", doc: "it holds the interpreter", get: func(t *pythonThreadFact) starlark.Value { return truth(t.HoldsGIL) }},
		{name: "daemon", typ: "bool", doc: "Python does not wait for it at its end; False: it does, or that is not known", aside: true, get: func(t *pythonThreadFact) starlark.Value { return truth(t.Daemon) }},
		{name: "frames", typ: "list of frame", doc: "innermost first; [] it runs no Python", aside: true, get: func(t *pythonThreadFact) starlark.Value { return frameList(t.frames) }},
		{name: "cut", typ: "bool", doc: "there are more frames, further out, which were not read", aside: true, get: func(t *pythonThreadFact) starlark.Value { return truth(t.Cut) }},
		{name: "subinterpreter", typ: "bool", doc: "it is what the thread runs in a subinterpreter", aside: true, get: func(t *pythonThreadFact) starlark.Value { return truth(t.Sub) }},
		{name: "back_within", typ: "float or None", doc: "seconds after which the call in which it waits comes back by itself at the latest; None: it does not, or that is not known", get: func(t *pythonThreadFact) starlark.Value {
			if t.Limit == nil {
				return starlark.None
			}
			return starlark.Float(t.Limit.Within)
		}},
		{name: "back_after", typ: "float or None", doc: "and at the earliest", aside: true, get: func(t *pythonThreadFact) starlark.Value {
			if t.Limit == nil {
				return starlark.None
			}
			return starlark.Float(t.Limit.After)
		}},
		{name: "stack", typ: "list of string", doc: "the frames in words", get: func(t *pythonThreadFact) starlark.Value { return inWords(t.frames) }},
	},
}

func frameList(frames []*record[frameFact]) starlark.Value {
	return listOf(frames, func(f *record[frameFact]) starlark.Value { return f })
}

func inWords(frames []*record[frameFact]) starlark.Value {
	return listOf(frames, func(f *record[frameFact]) starlark.Value { return text(f.it.where()) })
}

func (f frameFact) where() string { return fmt.Sprintf("%s (%s:%d)", f.Func, f.File, f.Line) }

var frameKind = &kind[frameFact]{
	name: "frame",
	doc:  "A Python function that has been called, and the line at which it is.",
	text: frameFact.where,
	fields: []field[frameFact]{
		{name: "function", typ: "string", doc: "qualified, `Class.method`, from Python 3.11 on", get: func(f frameFact) starlark.Value { return text(f.Func) }},
		{name: "file", typ: "string", doc: `as the interpreter has it; "<…>" where there is none`, get: func(f frameFact) starlark.Value { return text(f.File) }},
		{name: "line", typ: "int or None", get: func(f frameFact) starlark.Value { return unless(0, max(f.Line, 0)) }},
		{name: "text", typ: "string or None", doc: "that line of the source; None when it cannot be read, or may have changed since it was loaded", get: func(f frameFact) starlark.Value { return orNone(f.text) }},
		{name: "where", typ: "string", doc: `for people: "feed (/srv/app/feed.py:13)"`, aside: true, get: func(f frameFact) starlark.Value { return text(f.where()) }},
	},
}

// task is one trio or asyncio task.
type task struct{ record[*taskFact] }

type taskFact struct {
	pystack.Task
	process *process
	parent  *task // nil: none
	frames  []*record[frameFact]
	waits   []*record[taskWaitFact]
}

type taskWaitFact struct {
	pystack.Wait
	owner      *task // nil: unknown, or nobody
	candidates []*task
}

func orNoTask(t *task) starlark.Value {
	if t == nil {
		return starlark.None
	}
	return t
}

// label is a task as a graph names it.
func (t *task) label() string { return "task " + t.it.Name }

var taskKind = &kind[*taskFact]{
	name: "task",
	doc:  "A trio or asyncio task, at one moment.",
	text: func(t *taskFact) string { return t.Name },
	fields: []field[*taskFact]{
		{name: "name", typ: "string", get: func(t *taskFact) starlark.Value { return text(t.Name) }},
		{name: "process", typ: "process", get: func(t *taskFact) starlark.Value { return t.process }},
		{name: "library", typ: "string", doc: "trio or asyncio", get: func(t *taskFact) starlark.Value { return text(t.Library) }},
		{name: "id", typ: "int", doc: "within this reading", aside: true, get: func(t *taskFact) starlark.Value { return integer(t.ID) }},
		{name: "parent", typ: "task or None", doc: "whose nursery, group or await it is in", aside: true, get: func(t *taskFact) starlark.Value { return orNoTask(t.parent) }},
		{name: "state", typ: "string", doc: "running, runnable, parked", get: func(t *taskFact) starlark.Value { return text(t.State) }},
		{name: "tid", typ: "int or None", doc: "the thread that runs it, or whose loop it belongs to", get: func(t *taskFact) starlark.Value { return unless(0, t.TID) }},
		{name: "frames", typ: "list of frame", doc: "its await chain, outermost first: the last is where it is", aside: true, get: func(t *taskFact) starlark.Value { return frameList(t.frames) }},
		{name: "chain", typ: "list of string", doc: "the frames in words", get: func(t *taskFact) starlark.Value { return inWords(t.frames) }},
		{name: "waits", typ: "list of task_wait", doc: "what it waits for; [] where that is not known", get: func(t *taskFact) starlark.Value {
			return listOf(t.waits, func(x *record[taskWaitFact]) starlark.Value { return x })
		}},
		{name: "cancelled", typ: "bool or None", doc: "it was, or a scope around it; None where nothing tells, as of asyncio's before Python 3.11", get: func(t *taskFact) starlark.Value {
			if t.Cancelled == nil {
				return starlark.None
			}
			return truth(*t.Cancelled)
		}},
		{name: "shielded", typ: "bool", doc: "a shield between that scope and the task keeps it from being told", get: func(t *taskFact) starlark.Value { return truth(t.Shielded) }},
		{name: "deaf", typ: "bool", doc: "what it waits for cannot be cancelled", get: func(t *taskFact) starlark.Value { return truth(t.Deaf) }},
		{name: "deadline", typ: "float or None", doc: "seconds until a scope around it is cancelled, negative where it should have been; None where none is, or nothing tells", get: func(t *taskFact) starlark.Value {
			if t.Deadline == nil {
				return starlark.None
			}
			return starlark.Float(*t.Deadline)
		}},
		{name: "endless", typ: "bool", doc: "no scope around it has a deadline; False: one has, or nothing tells, as of asyncio's", aside: true, get: func(t *taskFact) starlark.Value { return truth(t.Endless) }},
		{name: "schedules", typ: "int or None", doc: "how often it ran so far, as trio counts", get: func(t *taskFact) starlark.Value {
			if t.Schedules < 0 {
				return starlark.None
			}
			return integer(t.Schedules)
		}},
	},
}

var taskWaitKind = &kind[taskWaitFact]{
	name: "task_wait",
	doc:  "One thing for which a task waits.",
	text: func(x taskWaitFact) string { return x.Kind },
	fields: []field[taskWaitFact]{
		{name: "kind", typ: "string", doc: "read, write (of `fd`), lock, semaphore, capacity, condition, event, receive, send (of a memory channel), nursery (its children), task, gather, group, sleep, forever, thread, process (`pid`), queue, future",
			get: func(x taskWaitFact) starlark.Value { return text(x.Kind) }},
		{name: "fd", typ: "int or None", get: func(x taskWaitFact) starlark.Value { return unless(-1, x.FD) }},
		{name: "pid", typ: "int or None", get: func(x taskWaitFact) starlark.Value { return unless(0, x.PID) }},
		{name: "owner", typ: "task or None", doc: "who holds it, or alone has its other end; None unknown", aside: true, get: func(x taskWaitFact) starlark.Value { return orNoTask(x.owner) }},
		{name: "held_by", typ: "string or None", doc: "the owner's name", get: func(x taskWaitFact) starlark.Value {
			if x.owner == nil {
				return starlark.None
			}
			return text(x.owner.it.Name)
		}},
		{name: "candidates", typ: "list of task", doc: "who was seen to have the event, or the other end of the channel, where it has no owner; others may have it, unseen", aside: true, get: func(x taskWaitFact) starlark.Value {
			return listOf(x.candidates, func(t *task) starlark.Value { return t })
		}},
		{name: "detail", typ: "string or None", doc: "for people", get: func(x taskWaitFact) starlark.Value { return orNone(x.Detail) }},
	},
}
