package builtins

import (
	"context"
	"fmt"

	"go.starlark.net/starlark"

	"runbook/builtins/probe"
	"runbook/engine"
)

func (w *world) locks() engine.Builtin {
	return engine.Builtin{
		Name: "locks",
		Doc:  "The file locks of the machine, or those that some processes hold or wait for: who holds, who waits.",
		Params: []engine.Arg{
			{Name: "processes", Type: "list of process", Default: "None", Doc: "Also one process, or a tree. None: all locks, with `path` and `holders` where somebody waits."},
		},
		Returns: "list of lock",
		Errors:  "/proc/locks cannot be read",
		Example: `[l for l in locks(t.processes) if l.waiters]`,
		Func: func(call *engine.Call, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
			var given starlark.Value = starlark.None
			if err := starlark.UnpackArgs(call.Name, args, kwargs, "processes?", &given); err != nil {
				return nil, err
			}
			var of processList
			if given != starlark.None {
				if err := of.Unpack(given); err != nil {
					return nil, fmt.Errorf("%s: for parameter \"processes\": %w", call.Name, err)
				}
				if len(of) == 0 {
					return starlark.NewList(nil), nil // no processes have no locks; to the probe, no pids mean all
				}
			}
			return w.look(call, func(ctx context.Context, h probe.Host) (starlark.Value, error) {
				var pids []int
				for _, p := range of {
					pids = append(pids, p.it.PID)
				}
				found, err := probe.LocksOf(ctx, h, pids)
				return listOf(found, func(l probe.Lock) starlark.Value { return newRecord(lockKind, l, "procfs", h.Now()) }), err
			})
		},
	}
}

var lockKind = &kind[probe.Lock]{
	name: "lock",
	doc:  "A file lock that somebody holds.",
	text: func(l probe.Lock) string {
		return fmt.Sprintf("%s %s pid %d inode %d", l.Kind, l.Mode, l.PID, l.Inode)
	},
	fields: []field[probe.Lock]{
		{name: "kind", typ: "string", doc: "FLOCK, POSIX, OFDLCK, LEASE", get: func(l probe.Lock) starlark.Value { return text(l.Kind) }},
		{name: "mode", typ: "string", doc: "READ, WRITE", get: func(l probe.Lock) starlark.Value { return text(l.Mode) }},
		{name: "path", typ: "string or None", get: func(l probe.Lock) starlark.Value { return orNone(l.Path) }},
		{name: "inode", typ: "int or None", doc: "of the file", get: func(l probe.Lock) starlark.Value { return inode(l.Inode) }},
		{name: "holder", typ: "int or None", doc: "pid of who took it; it may have ended, and a child still hold it; None: an open file description has it, or a process that we can't see",
			get: func(l probe.Lock) starlark.Value {
				if l.PID <= 0 {
					return starlark.None
				}
				return integer(l.PID)
			}},
		{name: "holders", typ: "list of holder", doc: "who holds it now, where that was looked for", get: func(l probe.Lock) starlark.Value { return listOf(l.Holders, newHolder) }},
		{name: "waiters", typ: "list of int", doc: "pids that are blocked until it is released", get: func(l probe.Lock) starlark.Value {
			return listOf(l.Waiters, func(w probe.LockWaiter) starlark.Value { return integer(w.PID) })
		}},
	},
}
