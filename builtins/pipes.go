package builtins

import (
	"context"
	"fmt"

	"go.starlark.net/starlark"

	"runbook/builtins/probe"
	"runbook/engine"
)

func (w *world) pipes() engine.Builtin {
	return engine.Builtin{
		Name: "pipes",
		Doc:  "The pipes and FIFOs that processes hold: how full, and who holds the ends.\n\nA pipe whose reader does not read blocks its writer in the middle of a log line.",
		Params: []engine.Arg{
			{Name: "processes", Type: "list of process", Doc: "Also one process, or a tree. One that has ended has no pipes."},
			{Name: "everywhere", Type: "bool", Default: "False", Doc: "Looks for other holders among all processes of the machine: reads every /proc/PID/fd, about 30 µs a process."},
		},
		Returns: "list of pipe",
		Errors:  "none of the processes may be read; of one that may not, `coverage` tells",
		Example: `[p for p in pipes(t.processes) if p.full]`,
		Func: func(call *engine.Call, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
			var (
				of         processList
				everywhere bool
			)
			if err := starlark.UnpackArgs(call.Name, args, kwargs, "processes", &of, "everywhere?", &everywhere); err != nil {
				return nil, err
			}
			return w.look(call, func(ctx context.Context, h probe.Host) (starlark.Value, error) {
				var readings []probe.Reading
				var seen partly
				for _, p := range of {
					err := same(ctx, h, p)
					var open []probe.FD
					if err == nil {
						open, err = probe.FDs(ctx, h, p.it.PID)
					}
					seen.note(err)
					if err != nil && !ended(err) {
						probe.Cover(ctx, "pipes", p.it.PID, err, probe.Remedy(ctx, h, p.it.UID))
					}
					readings = append(readings, probe.Reading{At: h.Now(), Process: *p.it, FDs: open, HasFDs: err == nil})
				}
				if err := seen.nothing(ctx); err != nil {
					return nil, err
				}
				found, err := probe.Pipes(ctx, h, readings, everywhere)
				return listOf(found, func(p probe.Pipe) starlark.Value { return newRecord(pipeKind, p, "procfs", h.Now()) }), err
			})
		},
	}
}

var pipeKind = &kind[probe.Pipe]{
	name: "pipe",
	doc:  "A pipe or FIFO.",
	text: func(p probe.Pipe) string {
		name := p.Path
		if name == "" {
			name = fmt.Sprintf("[%d]", p.Inode)
		}
		if p.Fill == nil {
			return name
		}
		return fmt.Sprintf("%s %d of %d bytes", name, p.Fill.Bytes, p.Fill.Capacity)
	},
	fields: []field[probe.Pipe]{
		{name: "inode", typ: "int or None", doc: "None: a FIFO, which its path names", get: func(p probe.Pipe) starlark.Value { return inode(p.Inode) }},
		{name: "path", typ: "string or None", doc: "of a FIFO", get: func(p probe.Pipe) starlark.Value { return orNone(p.Path) }},
		{name: "bytes", typ: "int or None", doc: "unread; None needs the right to attach to a holder", get: func(p probe.Pipe) starlark.Value {
			if p.Fill == nil {
				return starlark.None
			}
			return integer(p.Fill.Bytes)
		}},
		{name: "capacity", typ: "int or None", doc: "bytes", get: func(p probe.Pipe) starlark.Value {
			if p.Fill == nil {
				return starlark.None
			}
			return integer(p.Fill.Capacity)
		}},
		{name: "full", typ: "bool or None", doc: "less than a page of room is left: a write may block", get: func(p probe.Pipe) starlark.Value {
			if p.Fill == nil {
				return starlark.None
			}
			return truth(p.Full())
		}},
		{name: "readers", typ: "list of holder", get: func(p probe.Pipe) starlark.Value { return listOf(p.Readers, newHolder) }},
		{name: "writers", typ: "list of holder", get: func(p probe.Pipe) starlark.Value { return listOf(p.Writers, newHolder) }},
		{name: "everywhere", typ: "bool", doc: "the whole machine was searched for holders; else others may hold it too", get: func(p probe.Pipe) starlark.Value { return truth(p.Everywhere) }},
	},
}
