package builtins

import (
	"fmt"
	"time"

	"go.starlark.net/starlark"

	"runbook/builtins/probe"
)

func newHolder(r probe.FDRef) starlark.Value { return newRecord(holderKind, r, "", time.Time{}) }

var holderKind = &kind[probe.FDRef]{
	name: "holder",
	doc:  "A process that has something open.",
	text: func(r probe.FDRef) string { return fmt.Sprintf("pid %d fd %d", r.PID, r.FD) },
	fields: []field[probe.FDRef]{
		{name: "pid", typ: "int", get: func(r probe.FDRef) starlark.Value { return integer(r.PID) }},
		{name: "fd", typ: "int", get: func(r probe.FDRef) starlark.Value { return integer(r.FD) }},
	},
}
