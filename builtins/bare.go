package builtins

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	startime "go.starlark.net/lib/time"
	"go.starlark.net/starlark"

	"runbook/builtins/probe"
	"runbook/engine"
	"runbook/engine/event"
)

// bareRunners are the ways to call a function.
var bareRunners = []string{"auto", "trio", "asyncio", "sync"}

func (w *world) bare() engine.Builtin {
	return engine.Builtin{
		Name: "bare",
		Doc: "Calls one Python function in an interpreter of its own, with nothing around it but an event loop.\n\n" +
			"Tripwires stand around it: in the moment in which it starts a program, listens or connects, it is ended, before that happens. What gets past the wires is seen from outside. Outcomes:\n\n" +
			"- `raised`, `returned`; `tripped`: it touched a wire, the last of `tripped`\n" +
			"- `too-long`: not done within its limit; `hang`: the same, and it could not say so; `died`: the process ended in the midst of it\n" +
			"- `import-failed`, `no-function`, `no-runner`: it was never called; `bad-call`: the call cannot be read\n\n" +
			"Arguments are Python literals: nothing of them is evaluated.",
		Params: []engine.Arg{
			{Name: "call", Type: "string", Doc: `"pkg.mod:spawn('kucoin', retries = 3)"; the module may be a file: "guards.py:check". No parentheses: no arguments.`},
			{Name: "runner", Type: "string", Default: `"auto"`, Doc: "trio, asyncio, sync. auto: sync for a plain function; for a coroutine function trio, if the module imports it, else asyncio."},
			{Name: "limit", Type: "duration", Default: `"1s"`, Doc: "Of the call; imports are not counted, and have 60 seconds."},
			{Name: "python", Type: "string", Default: `""`, Doc: "The interpreter, or a command line that ends in one. Empty: that of `$VIRTUAL_ENV`, else `.venv/bin/python`, else `python3`."},
			{Name: "dir", Type: "string", Default: `""`, Doc: "Where it runs, and modules are found first. Empty: here."},
		},
		Returns: "bare_call",
		Errors:  "there is no such interpreter, and the error says what was tried; it does not run",
		Example: `bare("pkg.mod:spawn('kucoin')").exception`,
		Effect:  engine.Run,
		Func: func(call *engine.Call, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
			run := probe.BareRun{Runner: "auto"}
			limit := startime.Duration(time.Second)
			if err := starlark.UnpackArgs(call.Name, args, kwargs, "call", &run.Call, "runner??", &run.Runner, "limit??", &limit, "python??", &run.Python, "dir??", &run.Dir); err != nil {
				return nil, err
			}
			run.Limit = time.Duration(limit)
			plan := event.View{Kind: "table", Title: "bare (run)", Columns: []string{"runner", "limit"},
				Nodes: []event.Node{{ID: run.Call, Label: run.Call, Cells: []string{run.Runner, run.Limit.String()}}}}
			switch {
			case !slices.Contains(bareRunners, run.Runner):
				return nil, fmt.Errorf("%s: for parameter \"runner\": got %q, want %s", call.Name, run.Runner, strings.Join(bareRunners, ", "))
			case run.Limit <= 0:
				return nil, fmt.Errorf("%s: for parameter \"limit\": %s is no time at all", call.Name, limit)
			case call.DryRun:
				return nil, call.Confirm(engine.Run, plan)
			case w.host == nil:
				return nil, &blind{probe: call.Name, err: errNoHost}
			case w.host.Act() == nil:
				return nil, &engine.Denied{Effect: engine.Run, What: plan, Reason: "nothing can be run here: what is looked at is not this machine, now"}
			}
			defer awaited(call, "bare "+run.Call)()
			call.Progress(run.Call)
			v, err := w.look(call, func(ctx context.Context, h probe.Host) (starlark.Value, error) {
				b, err := probe.CallBare(ctx, h, run)
				return newRecord(bareKind, bareFact{run, b}, "python", h.Now()), err
			})
			return v, withoutPython(err)
		},
	}
}

// withoutPython gives an error for want of an interpreter its remedy.
func withoutPython(err error) error {
	var b *blind
	if errors.Is(err, probe.ErrNoPython) && errors.As(err, &b) && b.remedy == "" {
		b.remedy = "name one with --python, activate a virtual environment, or install python3"
	}
	return err
}

type bareFact struct {
	run probe.BareRun
	probe.Bare
}

var bareKind = &kind[bareFact]{
	name: "bare_call",
	doc:  "What became of a function that was called bare.",
	text: func(b bareFact) string { return b.run.Call + " " + b.Outcome },
	fields: []field[bareFact]{
		{name: "call", typ: "string", get: func(b bareFact) starlark.Value { return text(b.run.Call) }},
		{name: "outcome", typ: "string", doc: "raised, returned, tripped, too-long, hang, died, import-failed, no-function, no-runner, bad-call; see `bare`",
			get: func(b bareFact) starlark.Value { return text(b.Outcome) }},
		{name: "phase", typ: "string or None", doc: "in which it hung or died: import, call", get: func(b bareFact) starlark.Value { return orNone(b.Phase) }},
		{name: "runner", typ: "string or None", doc: "that was used: trio, asyncio, sync; None: it was not called", get: func(b bareFact) starlark.Value { return orNone(b.Runner) }},
		{name: "took", typ: "duration", doc: "the call alone", get: func(b bareFact) starlark.Value { return span(b.Took) }},
		{name: "exception", typ: "string or None", doc: `its type: "ValueError", "pkg.mod.Error"; of a group of one, that one's`, get: func(b bareFact) starlark.Value { return orNone(b.Exception.Type) }},
		{name: "bases", typ: "list of string", doc: "the type and its bases, in method resolution order", aside: true, get: func(b bareFact) starlark.Value { return listOf(b.Exception.Bases, text) }},
		{name: "text", typ: "string or None", doc: "of the exception; else why there was no call", get: func(b bareFact) starlark.Value { return orNone(b.Exception.Text) }},
		{name: "traceback", typ: "string", doc: "of the exception, without our frames", aside: true, get: func(b bareFact) starlark.Value { return text(b.Exception.Traceback) }},
		{name: "where", typ: "string or None", doc: "file:line, where it was raised, or stood when its time was over", get: func(b bareFact) starlark.Value { return orNone(b.Exception.Where) }},
		{name: "value", typ: "string or None", doc: "what it returned, its beginning; None: it did not", get: func(b bareFact) starlark.Value { return orNone(b.Value) }},
		{name: "is_async", typ: "bool", doc: "it returned a coroutine or context manager that nobody ran", aside: true, get: func(b bareFact) starlark.Value { return truth(b.Async) }},
		{name: "tripped", typ: "list of tripwire", doc: "signs of a runtime, in order", aside: true, get: func(b bareFact) starlark.Value {
			return listOf(b.Tripped, func(t probe.BareWire) starlark.Value { return newRecord(wireKind, t, "audit", time.Time{}) })
		}},
		{name: "output", typ: "string", doc: "the end of what it printed", aside: true, get: func(b bareFact) starlark.Value { return text(string(b.Output)) }},
		{name: "python", typ: "string", doc: "the interpreter", get: func(b bareFact) starlark.Value { return text(b.Python) }},
		{name: "why", typ: "string", doc: `it was taken: "of $VIRTUAL_ENV"`, aside: true, get: func(b bareFact) starlark.Value { return text(b.Why) }},
		{name: "version", typ: "string or None", doc: `"3.11.7"; None: it never began`, get: func(b bareFact) starlark.Value { return orNone(b.Version) }},
		{name: "blind", typ: "string or None", doc: "why it could not be looked at from outside; None: it was, or it was not called", get: func(b bareFact) starlark.Value { return orNone(b.Blind) }},
	},
}

var wireKind = &kind[probe.BareWire]{
	name: "tripwire",
	doc:  "A sign that something was started or reached.",
	text: func(t probe.BareWire) string { return t.Kind + " " + t.Text },
	fields: []field[probe.BareWire]{
		{name: "phase", typ: "string", doc: "import, call; outside: seen by us when the call was over", get: func(t probe.BareWire) starlark.Value { return text(t.Phase) }},
		{name: "kind", typ: "string", doc: "child, listener, connection", get: func(t probe.BareWire) starlark.Value { return text(t.Kind) }},
		{name: "text", typ: "string", doc: `"starts sleep 5"`, get: func(t probe.BareWire) starlark.Value { return text(t.Text) }},
		{name: "where", typ: "string or None", doc: "file:line of the code", get: func(t probe.BareWire) starlark.Value { return orNone(t.Where) }},
	},
}
