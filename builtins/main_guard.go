package builtins

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"go.starlark.net/starlark"

	"runbook/builtins/probe"
	"runbook/engine"
	"runbook/engine/event"
)

func (w *world) mainGuard() engine.Builtin {
	return engine.Builtin{
		Name: "main_guard",
		Doc: "Whether a Python script starts what it does below `if __name__ == \"__main__\":`, and the script with that guard where it has none.\n\n" +
			"Children of tractor and of multiprocessing run the file of `__main__` anew, under another name: without the guard each child would start it all again. " +
			"What starts it is a statement of the top level that calls `….run(…)`, or a function of the script's own. The interpreter that is to run it reads it; nothing of it is run.",
		Params: []engine.Arg{
			{Name: "source", Type: "string", Doc: "The script."},
			{Name: "path", Type: "string", Default: `""`, Doc: "The file that it is, for what it imports. Empty: it is none."},
			{Name: "python", Type: "string", Default: `""`, Doc: "The interpreter, or a command line that ends in one. Empty: that of `$VIRTUAL_ENV`, else `.venv/bin/python`, else `python3`."},
		},
		Returns: "guarded",
		Errors:  "there is no such interpreter, and the error says what was tried; it does not run",
		Example: `main_guard("import trio\ntrio.run(main)").starts`,
		Effect:  engine.Run,
		Func: func(call *engine.Call, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
			var source, path, python string
			if err := starlark.UnpackArgs(call.Name, args, kwargs, "source", &source, "path??", &path, "python??", &python); err != nil {
				return nil, err
			}
			name, dir := "<script>", ""
			if path != "" {
				name = path
				abs, err := filepath.Abs(filepath.Dir(path))
				if err != nil {
					return nil, &blind{probe: call.Name, err: err}
				}
				dir = abs
			}
			switch plan := (event.View{Kind: "table", Title: "main_guard (run)", Nodes: []event.Node{{ID: name, Label: "read " + name + " with its interpreter"}}}); {
			case call.DryRun:
				return nil, call.Confirm(engine.Run, plan)
			case w.host == nil:
				return nil, &blind{probe: call.Name, err: errNoHost}
			case w.host.Act() == nil:
				return nil, &engine.Denied{Effect: engine.Run, What: plan, Reason: "nothing can be run here: what is looked at is not this machine, now"}
			}
			defer awaited(call, "main_guard")()
			v, err := w.look(call, func(ctx context.Context, h probe.Host) (starlark.Value, error) {
				g, err := probe.ReadMainGuard(ctx, h, python, source, name, dir)
				return newRecord(guardedKind, g, "python", h.Now()), err
			})
			return v, withoutPython(err)
		},
	}
}

var guardedKind = &kind[probe.MainGuard]{
	name: "guarded",
	doc:  "How a Python script is to be started.",
	text: func(g probe.MainGuard) string {
		if g.HasGuard {
			return "has a guard"
		}
		return fmt.Sprintf("no guard, starts at lines %v", g.Starts)
	},
	fields: []field[probe.MainGuard]{
		{name: "has_guard", typ: "bool", get: func(g probe.MainGuard) starlark.Value { return truth(g.HasGuard) }},
		{name: "text", typ: "string", doc: "the script, with a guard above what starts it", aside: true, get: func(g probe.MainGuard) starlark.Value { return text(g.Text) }},
		{name: "starts", typ: "list of int", doc: "lines of the statements that start it with no guard; [] it has one, or starts nothing",
			get: func(g probe.MainGuard) starlark.Value { return listOf(g.Starts, integer[int]) }},
		{name: "missing", typ: "list of string", doc: "modules that it imports at its top level, and this interpreter does not find",
			get: func(g probe.MainGuard) starlark.Value { return listOf(g.Missing, text) }},
		{name: "error", typ: "string or None", doc: "why it is no Python; None: it is", get: func(g probe.MainGuard) starlark.Value { return orNone(g.Error) }},
		{name: "line", typ: "int or None", doc: "of the error", get: func(g probe.MainGuard) starlark.Value { return unless(0, g.Line) }},
		{name: "argv", typ: "list of string", doc: "the interpreter's command line", aside: true, get: func(g probe.MainGuard) starlark.Value { return listOf(g.Argv, text) }},
		{name: "python", typ: "string", doc: "the interpreter", get: func(g probe.MainGuard) starlark.Value { return text(strings.Join(g.Argv, " ")) }},
		{name: "why", typ: "string", doc: `it was taken: "of $VIRTUAL_ENV"`, get: func(g probe.MainGuard) starlark.Value { return text(g.Why) }},
		{name: "version", typ: "string", doc: `"3.11.7"`, get: func(g probe.MainGuard) starlark.Value { return text(g.Version) }},
	},
}
