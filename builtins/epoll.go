package builtins

import (
	"context"
	"fmt"
	"time"

	"go.starlark.net/starlark"

	"runbook/builtins/probe"
	"runbook/engine"
)

func (w *world) epoll() engine.Builtin {
	return engine.Builtin{
		Name: "epoll",
		Doc: "What the event loops of a process wait for: is any task waiting to read this socket?\n\n" +
			"A loop of trio arms an entry for one event only (`oneshot`). Between two events an entry is there with neither `reads` nor `writes`: " +
			"nobody waits. A busy loop shows this too for a moment, so look twice.",
		Params:  oneProcessParam,
		Returns: "list of epoll_item",
		Errors:  "the process has ended; its descriptors may not be read",
		Example: `[e.fd for e in epoll(p) if e.reads]`,
		Func: func(call *engine.Call, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
			return w.ofProcess(call, args, kwargs, func(ctx context.Context, h probe.Host, p *process) (starlark.Value, error) {
				open, err := probe.FDs(ctx, h, p.it.PID)
				if err != nil {
					return nil, err
				}
				found, err := probe.Epoll(ctx, h, p.it.PID, open)
				return epollList(found, h.Now()), err
			})
		},
	}
}

func epollList(found []probe.EpollItem, at time.Time) *starlark.List {
	return listOf(found, func(e probe.EpollItem) starlark.Value { return newRecord(epollKind, e, "procfs", at) })
}

var epollKind = &kind[probe.EpollItem]{
	name: "epoll_item",
	doc:  "One entry of the interest set of an epoll instance.",
	text: func(e probe.EpollItem) string { return fmt.Sprintf("fd %d events %x", e.FD, e.Events) },
	fields: []field[probe.EpollItem]{
		{name: "epfd", typ: "int", doc: "descriptor of the epoll instance", get: func(e probe.EpollItem) starlark.Value { return integer(e.EpollFD) }},
		{name: "fd", typ: "int", doc: "descriptor that it watches", get: func(e probe.EpollItem) starlark.Value { return integer(e.FD) }},
		{name: "events", typ: "int", doc: "the mask, as the kernel keeps it", get: func(e probe.EpollItem) starlark.Value { return unsigned(uint64(e.Events)) }},
		{name: "reads", typ: "bool", doc: "someone waits to read (EPOLLIN)", get: func(e probe.EpollItem) starlark.Value { return truth(e.Events&probe.EPOLLIN != 0) }},
		{name: "writes", typ: "bool", doc: "someone waits to write (EPOLLOUT)", get: func(e probe.EpollItem) starlark.Value { return truth(e.Events&probe.EPOLLOUT != 0) }},
		{name: "oneshot", typ: "bool", doc: "disarmed by its first event", get: func(e probe.EpollItem) starlark.Value { return truth(e.Events&probe.EPOLLONESHOT != 0) }},
		{name: "inode", typ: "int or None", doc: "of what is watched: tells a descriptor that was closed and given out again",
			get: func(e probe.EpollItem) starlark.Value { return inode(e.Inode) }},
	},
}
