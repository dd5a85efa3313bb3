package builtins

import (
	"fmt"
	"time"

	"go.starlark.net/starlark"

	"runbook/builtins/probe"
	"runbook/engine"
)

func (w *world) coverage() engine.Builtin {
	return engine.Builtin{
		Name:    "coverage",
		Doc:     "What this run could read so far, and what it could not.\n\nA verdict that rests on something which was not read should say `unknown`.",
		Returns: "list of covered, in the order of reading, equal rows once",
		Example: `[c for c in coverage() if c.status != "read"]`,
		Func: func(call *engine.Call, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
			if err := starlark.UnpackArgs(call.Name, args, kwargs); err != nil {
				return nil, err
			}
			w.mu.Lock()
			rows := append([]probe.Coverage(nil), w.rows...)
			w.mu.Unlock()
			return listOf(rows, func(c probe.Coverage) starlark.Value {
				return newRecord(coverageKind, c, "", time.Time{})
			}), nil
		},
	}
}

var coverageKind = &kind[probe.Coverage]{
	name: "covered",
	doc:  "How one read of one process went.",
	text: func(c probe.Coverage) string { return fmt.Sprintf("%s pid %d %s", c.Probe, c.PID, c.Status) },
	fields: []field[probe.Coverage]{
		{name: "probe", typ: "string", doc: "ps, threads, wchan, syscall, fds, ss, epoll, pipes, locks …", get: func(c probe.Coverage) starlark.Value { return text(c.Probe) }},
		{name: "pid", typ: "int or None", doc: "None: the machine", get: func(c probe.Coverage) starlark.Value { return unless(0, c.PID) }},
		{name: "status", typ: "string", doc: "read, denied, absent (it has ended), timeout, uncaptured (the capture does not hold it)", get: func(c probe.Coverage) starlark.Value { return text(c.Status) }},
		{name: "detail", typ: "string or None", doc: "the error", get: func(c probe.Coverage) starlark.Value { return orNone(c.Detail) }},
		{name: "remedy", typ: "string or None", doc: "what would make it readable", get: func(c probe.Coverage) starlark.Value { return orNone(c.Remedy) }},
	},
}
