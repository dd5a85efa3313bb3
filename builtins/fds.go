package builtins

import (
	"context"
	"fmt"
	"time"

	"go.starlark.net/starlark"

	"runbook/builtins/probe"
	"runbook/engine"
)

func (w *world) fds() engine.Builtin {
	return engine.Builtin{
		Name:    "fds",
		Doc:     "The open file descriptors of a process.",
		Params:  oneProcessParam,
		Returns: "list of fd, in order of number",
		Errors:  "the process has ended; its descriptors may not be read",
		Example: `[f for f in fds(p) if f.kind == "pipe"]`,
		Func: func(call *engine.Call, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
			return w.ofProcess(call, args, kwargs, func(ctx context.Context, h probe.Host, p *process) (starlark.Value, error) {
				found, err := probe.FDs(ctx, h, p.it.PID)
				return fdList(found, h.Now()), err
			})
		},
	}
}

func fdList(found []probe.FD, at time.Time) *starlark.List {
	return listOf(found, func(f probe.FD) starlark.Value { return newRecord(fdKind, &f, "procfs", at) })
}

var fdKind = &kind[*probe.FD]{
	name: "fd",
	doc:  "One open file descriptor.",
	text: func(f *probe.FD) string { return fmt.Sprintf("%d %s", f.Num, f.Link) },
	fields: []field[*probe.FD]{
		{name: "num", typ: "int", get: func(f *probe.FD) starlark.Value { return integer(f.Num) }},
		{name: "kind", typ: "string", doc: "file, dir, pipe, fifo, socket, epoll, pidfd, eventfd, timerfd, tty, null, anon, other",
			get: func(f *probe.FD) starlark.Value { return text(f.Kind) }},
		{name: "link", typ: "string", doc: `as readlink gives it: "socket:[123]", "/dev/pts/3"`, get: func(f *probe.FD) starlark.Value { return text(f.Link) }},
		{name: "inode", typ: "int or None", doc: "of a pipe or socket", get: func(f *probe.FD) starlark.Value { return inode(f.Inode) }},
		{name: "pid", typ: "int or None", doc: "whom a pidfd refers to; -1 when that one is gone", get: func(f *probe.FD) starlark.Value { return unless(0, f.PID) }},
		{name: "timer", typ: "duration or None", doc: "of a timerfd: until it expires next; None when it is not armed", aside: true, get: func(f *probe.FD) starlark.Value {
			if f.Timer == 0 {
				return starlark.None
			}
			return span(f.Timer)
		}},
		{name: "read", typ: "bool", doc: "opened for reading", get: func(f *probe.FD) starlark.Value { return truth(f.Read) }},
		{name: "write", typ: "bool", doc: "opened for writing", get: func(f *probe.FD) starlark.Value { return truth(f.Write) }},
	},
}

// inode gives n, or None for 0, which no inode has.
func inode(n uint64) starlark.Value {
	if n == 0 {
		return starlark.None
	}
	return unsigned(n)
}
