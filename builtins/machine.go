package builtins

import (
	"context"
	"fmt"

	"go.starlark.net/starlark"

	"runbook/builtins/probe"
	"runbook/engine"
)

func (w *world) machine() engine.Builtin {
	return engine.Builtin{
		Name:    "machine",
		Doc:     "The state of the host as a whole.",
		Returns: "machine",
		Errors:  "/proc cannot be read",
		Example: `machine().load1 > machine().cpus`,
		Func: func(call *engine.Call, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
			if err := starlark.UnpackArgs(call.Name, args, kwargs); err != nil {
				return nil, err
			}
			return w.look(call, func(ctx context.Context, h probe.Host) (starlark.Value, error) {
				found, err := h.Machine(ctx)
				return newRecord(machineKind, machineFact{found, h.Clock()}, "procfs", h.Now()), err
			})
		},
	}
}

type machineFact struct {
	probe.Machine
	clock probe.Clock
}

var machineKind = &kind[machineFact]{
	name: "machine",
	doc:  "The host that is looked at.",
	text: func(m machineFact) string { return fmt.Sprintf("%s Linux %s", m.clock.Hostname, m.clock.Kernel) },
	fields: []field[machineFact]{
		{name: "host", typ: "string", doc: "its name", get: func(m machineFact) starlark.Value { return text(m.clock.Hostname) }},
		{name: "kernel", typ: "string", doc: `release: "6.18.44"`, get: func(m machineFact) starlark.Value { return text(m.clock.Kernel) }},
		{name: "boot", typ: "time", doc: "of the last boot", get: func(m machineFact) starlark.Value { return moment(m.clock.Boot) }},
		{name: "live", typ: "bool", doc: "False: a snapshot", get: func(m machineFact) starlark.Value { return truth(m.clock.Live) }},
		{name: "uid", typ: "int", doc: "as whom we look", get: func(m machineFact) starlark.Value { return integer(m.clock.UID) }},
		{name: "cpus", typ: "int", get: func(m machineFact) starlark.Value { return integer(m.CPUs) }},
		{name: "load1", typ: "float", doc: "load average of one minute", get: func(m machineFact) starlark.Value { return starlark.Float(m.Load1) }},
		{name: "load5", typ: "float", get: func(m machineFact) starlark.Value { return starlark.Float(m.Load5) }},
		{name: "load15", typ: "float", get: func(m machineFact) starlark.Value { return starlark.Float(m.Load15) }},
		{name: "ptrace_scope", typ: "int or None", doc: "kernel.yama.ptrace_scope: 0 processes of one user may look into each other; None there is no Yama",
			get: func(m machineFact) starlark.Value { return unless(-1, m.PtraceScope) }},
		{name: "pid_max", typ: "int", get: func(m machineFact) starlark.Value { return integer(m.PidMax) }},
	},
}
