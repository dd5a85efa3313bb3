package builtins

import (
	"context"
	"strconv"
	"strings"
	"time"

	"go.starlark.net/starlark"

	"runbook/builtins/probe"
	"runbook/engine"
)

func (w *world) signals() engine.Builtin {
	return engine.Builtin{
		Name: "signals",
		Doc: "What a process does with signals.\n\n" +
			"A tree that a script started in the background ignores SIGINT; sending SIGUSR1 to a process that does not catch it ends it.",
		Params:  oneProcessParam,
		Returns: "signals",
		Errors:  "the process has ended; its status may not be read",
		Example: `"SIGINT" in signals(p).ignored`,
		Func: func(call *engine.Call, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
			return w.ofProcess(call, args, kwargs, func(ctx context.Context, h probe.Host, p *process) (starlark.Value, error) {
				masks, err := probe.ReadSignals(ctx, h, p.it.PID)
				return newSignals(masks, h.Now()), err
			})
		},
	}
}

func newSignals(masks probe.Signals, at time.Time) starlark.Value {
	return newRecord(signalsKind, masks, "procfs", at)
}

var signalsKind = &kind[probe.Signals]{
	name: "signals",
	doc:  "The four signal masks of a process, as names.",
	text: func(s probe.Signals) string {
		return "caught " + strings.Join(signalNames(s.Caught), " ") + "; ignored " + strings.Join(signalNames(s.Ignored), " ")
	},
	fields: []field[probe.Signals]{
		{name: "blocked", typ: "list of string", doc: "wait until the process unblocks them",
			get: func(s probe.Signals) starlark.Value { return listOf(signalNames(s.Blocked), text) }},
		{name: "ignored", typ: "list of string", doc: "have no effect",
			get: func(s probe.Signals) starlark.Value { return listOf(signalNames(s.Ignored), text) }},
		{name: "caught", typ: "list of string", doc: "run a handler of the process",
			get: func(s probe.Signals) starlark.Value { return listOf(signalNames(s.Caught), text) }},
		{name: "pending", typ: "list of string", doc: "sent, and not yet delivered",
			get: func(s probe.Signals) starlark.Value { return listOf(signalNames(s.Pending), text) }},
	},
}

// linuxSignals are numbers 1 to 31 on every architecture that we build for
// (signal(7)). A snapshot is read on other systems too, whose own table
// differs.
var linuxSignals = strings.Fields("HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT CHLD CONT STOP TSTP " +
	"TTIN TTOU URG XCPU XFSZ VTALRM PROF WINCH IO PWR SYS")

// signalNames names the bits of a mask: bit N-1 stands for signal N.
func signalNames(mask uint64) []string {
	var names []string
	for sig := 1; sig <= 64; sig++ {
		if probe.Has(mask, sig) {
			names = append(names, signalName(sig))
		}
	}
	return names
}

func signalName(sig int) string {
	if sig <= len(linuxSignals) {
		return "SIG" + linuxSignals[sig-1]
	}
	return "SIG" + strconv.Itoa(sig) // real-time; the C library gives 32 and 33 to itself
}
