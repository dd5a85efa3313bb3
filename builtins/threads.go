package builtins

import (
	"context"
	"fmt"
	"time"

	"go.starlark.net/starlark"

	"runbook/builtins/probe"
	"runbook/engine"
)

var oneProcessParam = []engine.Arg{{Name: "p", Type: "process", Doc: "One process. That it has ended is an error."}}

// ofProcess is the part that all builtins about one process share.
func (w *world) ofProcess(call *engine.Call, args starlark.Tuple, kwargs []starlark.Tuple,
	read func(context.Context, probe.Host, *process) (starlark.Value, error)) (starlark.Value, error) {
	var p oneProcess
	if err := starlark.UnpackArgs(call.Name, args, kwargs, "p", &p); err != nil {
		return nil, err
	}
	return w.look(call, func(ctx context.Context, h probe.Host) (starlark.Value, error) {
		if err := same(ctx, h, p.process); err != nil {
			return nil, err
		}
		return read(ctx, h, p.process)
	})
}

// same refuses to read one process's facts as another's: the pid may have been
// handed out again since p was read.
func same(ctx context.Context, h probe.Host, p *process) error {
	if err := probe.StillThere(ctx, h, p.it.ID); err != nil {
		return fmt.Errorf("%s: %w", subjectOf(p.it).Label(), err)
	}
	return nil
}

func (w *world) threads() engine.Builtin {
	return engine.Builtin{
		Name: "threads",
		Doc: "The threads of a process, and what each waits for.\n\n" +
			"`wchan` is the kernel's own word and differs between kernels; `family` is ours and does not.",
		Params:  oneProcessParam,
		Returns: "list of thread, in order of tid",
		Errors:  "the process has ended; its threads may not be read",
		Example: `[t for t in threads(p) if t.family == "futex"]`,
		Func: func(call *engine.Call, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
			return w.ofProcess(call, args, kwargs, func(ctx context.Context, h probe.Host, p *process) (starlark.Value, error) {
				// The descriptors in which threads block are named where these can be
				// read; where not, the threads are still worth having.
				open, _ := probe.FDs(ctx, h, p.it.PID)
				found, err := probe.Threads(ctx, h, p.it.PID, open)
				return threadList(found, h.Now()), err
			})
		},
	}
}

func threadList(found []probe.Thread, at time.Time) *starlark.List {
	return listOf(found, func(t probe.Thread) starlark.Value { return newRecord(threadKind, &t, "procfs", at) })
}

var threadKind = &kind[*probe.Thread]{
	name: "thread",
	doc:  "One thread of a process, at one moment.",
	text: func(t *probe.Thread) string { return fmt.Sprintf("tid %d %s %s", t.TID, t.State, t.Family) },
	fields: []field[*probe.Thread]{
		{name: "tid", typ: "int", doc: "the main thread's is the pid", get: func(t *probe.Thread) starlark.Value { return integer(t.TID) }},
		{name: "name", typ: "string", get: func(t *probe.Thread) starlark.Value { return text(t.Name) }},
		{name: "state", typ: "string", doc: "one letter, as process.state", get: func(t *probe.Thread) starlark.Value { return text(t.State) }},
		{name: "family", typ: "string or None", doc: "what it waits for, the same word on every kernel: epoll, poll, futex, sleep, pipe_read, pipe_write, fifo_open, socket, unix_recv, " +
			"unix_send, unix_connect, accept, wait, flock, fcntl_lock, pause, sigwait, eventfd, vfork, stopped, traced, tty, disk, running, zombie, other",
			get: func(t *probe.Thread) starlark.Value { return orNone(t.Family) }},
		{name: "doing", typ: "string or None", doc: "as family, with recv, send, connect and accept told apart, whatever kind of socket it is", aside: true,
			get: func(t *probe.Thread) starlark.Value { return orNone(probe.Doing(t)) }},
		{name: "wchan", typ: "string or None", doc: `kernel function in which it sleeps; "" it runs; None the kernel hides it`,
			get: func(t *probe.Thread) starlark.Value { return wchanOf(t) }},
		{name: "wchan_hidden", typ: "bool", doc: "we may not know", aside: true, get: func(t *probe.Thread) starlark.Value { return truth(t.WchanHidden) }},
		{name: "syscall", typ: "string or None", doc: `system call in which it blocks; "running"; None needs the right to attach`,
			get: func(t *probe.Thread) starlark.Value { return orNone(t.Syscall) }},
		{name: "syscall_nr", typ: "int or None", doc: "its number", aside: true, get: func(t *probe.Thread) starlark.Value { return unless(-1, t.SyscallNr) }},
		{name: "args", typ: "list of int", doc: "of the system call; [] when that is unknown", aside: true,
			get: func(t *probe.Thread) starlark.Value {
				if t.SyscallNr < 0 {
					return listOf([]uint64(nil), unsigned)
				}
				return listOf(t.Args[:], unsigned)
			}},
		{name: "fd", typ: "int or None", doc: "descriptor in which it blocks", get: func(t *probe.Thread) starlark.Value { return unless(-1, t.FD) }},
		{name: "target", typ: "fd or None", doc: "what that descriptor is", get: func(t *probe.Thread) starlark.Value {
			if t.Target == nil {
				return starlark.None
			}
			return newRecord(fdKind, t.Target, "", time.Time{})
		}},
		{name: "cpu", typ: "duration", doc: "processor time so far", get: func(t *probe.Thread) starlark.Value { return span(t.CPU) }},
		{name: "voluntary", typ: "int", doc: "times that it gave the processor up", get: func(t *probe.Thread) starlark.Value { return unsigned(t.Voluntary) }},
		{name: "forced", typ: "int", doc: "times that the processor was taken from it", get: func(t *probe.Thread) starlark.Value { return unsigned(t.Forced) }},
	},
}

func wchanOf(t *probe.Thread) starlark.Value {
	if t.WchanHidden {
		return starlark.None
	}
	return text(t.Wchan)
}
