package builtins

import (
	"context"
	"fmt"
	"strings"

	"go.starlark.net/starlark"

	"runbook/builtins/probe"
	"runbook/engine"
)

func (w *world) listeners() engine.Builtin {
	return engine.Builtin{
		Name: "listeners",
		Doc: "Who accepts connections: at one address, or anywhere.\n\n" +
			"In our own network namespace. A listener at a wildcard address answers for each address of the host. Reads every /proc/PID/fd when it found one, about 30 µs a process.",
		Params: []engine.Arg{
			{Name: "address", Type: "string", Default: `""`, Doc: `"127.0.0.1:1616", ":1616", "1616", a socket path, "@abstract"; "" all.`},
		},
		Returns: "list of listener; [] nobody listens there",
		Errors:  "the sockets of the machine may not be read",
		Example: `listeners("127.0.0.1:1616")`,
		Func: func(call *engine.Call, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
			var address string
			if err := starlark.UnpackArgs(call.Name, args, kwargs, "address?", &address); err != nil {
				return nil, err
			}
			var addresses []string
			if address != "" {
				addresses = append(addresses, address)
			}
			return w.look(call, func(ctx context.Context, h probe.Host) (starlark.Value, error) {
				found, err := probe.Listeners(ctx, h, addresses)
				return listOf(found, func(l probe.Listener) starlark.Value { return newRecord(listenerKind, l, l.Source, h.Now()) }), err
			})
		},
	}
}

var listenerKind = &kind[probe.Listener]{
	name: "listener",
	doc:  "An address that somebody accepts connections at.",
	text: func(l probe.Listener) string {
		return strings.TrimSpace(fmt.Sprintf("%s pid %d %s", l.Address, l.PID, l.Comm))
	},
	fields: []field[probe.Listener]{
		{name: "address", typ: "string", doc: `"127.0.0.1:1616", a path, "@abstract"`, get: func(l probe.Listener) starlark.Value { return text(l.Address) }},
		{name: "family", typ: "string", doc: "tcp, tcp6, unix", get: func(l probe.Listener) starlark.Value { return text(l.Family) }},
		{name: "pid", typ: "int or None", doc: "the first holder; None: nobody that we may look at", get: func(l probe.Listener) starlark.Value { return unless(0, l.PID) }},
		{name: "fd", typ: "int or None", doc: "of that holder", get: func(l probe.Listener) starlark.Value { return unless(-1, l.FD) }},
		{name: "comm", typ: "string or None", doc: "of that holder", get: func(l probe.Listener) starlark.Value { return orNone(l.Comm) }},
		{name: "holders", typ: "list of holder", doc: "all of them: several after a fork", get: func(l probe.Listener) starlark.Value { return listOf(l.Holders, newHolder) }},
		{name: "accept_q", typ: "int or None", doc: "connections that wait to be accepted", get: func(l probe.Listener) starlark.Value { return unless(-1, l.AcceptQ) }},
		{name: "backlog", typ: "int or None", doc: "room for these", get: func(l probe.Listener) starlark.Value { return unless(-1, l.Backlog) }},
		{name: "inode", typ: "int or None", aside: true, get: func(l probe.Listener) starlark.Value { return inode(l.Inode) }},
	},
}
