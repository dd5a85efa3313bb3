package builtins

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"go.starlark.net/starlark"

	"runbook/builtins/probe"
	"runbook/builtins/pysource"
	"runbook/engine"
	"runbook/engine/event"
)

func (w *world) pysource() engine.Builtin {
	return engine.Builtin{
		Name: "pysource",
		Doc: "What Python sources do while they may be cancelled: the scopes in them (`move_on_after`, `move_on_at`, `fail_after`, `fail_at`, `CancelScope`, `timeout`, `timeout_at`, `wait_for`, under whatever name they were imported), " +
			"and the awaited calls in each that go to a proxy, or to a function that sends a request and takes its answer.\n\n" +
			"A call is followed into functions and methods of these sources, by annotations, constructors and names that only one can be meant by. " +
			"The ast of the interpreter reads them, isolated (`-I -B`) and with nothing of the sources run. Where there is no interpreter, or running it is not granted, the built-in parser does, and `reader` says so; both see the same. " +
			"Of a directory all .py files are read, but for virtual environments, `node_modules`, `__pycache__` and what begins with a dot. What could not be read is in `problems`.\n\n" +
			"What is called by which name is up to the recipe: each regexp is searched in the last name of an expression, of `self._proxies[0]` that is `_proxies`.",
		Params: []engine.Arg{
			{Name: "paths", Type: "list of string", Doc: "Files and directories, as the user gave them in a parameter of kind path, list or rest."},
			{Name: "proxies", Type: "regexp", Doc: "Names, also of classes, whose calls are requests."},
			{Name: "channels", Type: "regexp", Doc: "Names of what messages are sent into and taken from."},
			{Name: "ids", Type: "regexp", Doc: "Names of what tells one request from another."},
			{Name: "locks", Type: "regexp", Doc: "Names of locks."},
			{Name: "python", Type: "string", Default: `""`, Doc: "The interpreter, or a command line that ends in one. Empty: that of `$VIRTUAL_ENV`, else `.venv/bin/python`, else `python3`."},
			{Name: "builtin", Type: "bool", Default: "False", Doc: "The built-in parser reads them, whatever interpreter there is."},
		},
		Returns: "sources",
		Errors:  "a path is not there, or the user did not name it; `python` names no interpreter",
		Example: `pysource(["app.py"], proxies = "proxy$", channels = "chan$", ids = "^mid$", locks = "lock$").scopes`,
		Effect:  engine.Run,
		Asks:    true,
		Func: func(call *engine.Call, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
			var list *starlark.List
			var proxies, channels, ids, locks pattern
			var run probe.PySourceRun
			err := starlark.UnpackArgs(call.Name, args, kwargs, "paths", &list, "proxies", &proxies, "channels", &channels, "ids", &ids, "locks", &locks,
				"python??", &run.Python, "builtin?", &run.Builtin)
			if err == nil {
				run.Paths, err = stringList("paths", list)
			}
			if err != nil {
				return nil, fmt.Errorf("%s: %w", call.Name, strip(err, call.Name))
			}
			for _, p := range run.Paths {
				switch call.Named(p) {
				case engine.KindPath, engine.KindList, engine.KindRest:
				default:
					return nil, fmt.Errorf("%s %s: only what the user named in a parameter of kind path, list or rest", call.Name, p)
				}
			}
			run.Names = pysource.Names{Proxies: orNever(proxies), Channels: orNever(channels), IDs: orNever(ids), Locks: orNever(locks)}
			run.Progress = func(files int) { call.Progress(plural(files, "source", "sources") + " read") }
			return w.readSources(call, run)
		},
	}
}

// readSources asks for leave to run the interpreter. Without it the built-in
// parser reads, which is no reason to give up.
func (w *world) readSources(call *engine.Call, run probe.PySourceRun) (starlark.Value, error) {
	why := ""
	var denied *engine.Denied
	switch err := w.mayParse(call, run); {
	case run.Builtin:
	case errors.As(err, &denied):
		run.Builtin, why = true, denied.Error()
	case err != nil:
		return nil, err
	}
	return w.look(call, func(ctx context.Context, h probe.Host) (starlark.Value, error) {
		read, err := probe.ReadPySources(ctx, h, run)
		if err != nil {
			return nil, err
		}
		if why != "" {
			read.Why = why
		}
		return newRecord(sourcesKind, &read, "", time.Time{}), nil
	})
}

func (w *world) mayParse(call *engine.Call, run probe.PySourceRun) error {
	switch {
	case run.Builtin:
		return nil
	case w.host == nil || w.host.Act() == nil:
		return &engine.Denied{Effect: engine.Run, Reason: "nothing can be run here"}
	}
	python := run.Python
	if python == "" {
		python = "python3"
	}
	return call.Confirm(engine.Run, event.View{Kind: "table", Title: "pysource (run)",
		Nodes: []event.Node{{ID: "pysource", Label: "let the ast of " + python + " read " + strings.Join(run.Paths, ", ")}}})
}

var never = regexp.MustCompile(`[^\s\S]`)

// orNever is what a pattern finds; an empty one finds nothing.
func orNever(p pattern) *regexp.Regexp {
	if p.re == nil {
		return never
	}
	return p.re
}

var sourcesKind = &kind[*probe.PySources]{
	name: "sources",
	doc:  "What Python sources do while they may be cancelled.",
	text: func(s *probe.PySources) string { return plural(s.Files, "file", "files") + ", " + s.Reader },
	fields: []field[*probe.PySources]{
		{name: "files", typ: "int", doc: "that were read", get: func(s *probe.PySources) starlark.Value { return integer(s.Files) }},
		{name: "parsed", typ: "int", doc: "of these, those with async functions: the others are searched for errors only", get: func(s *probe.PySources) starlark.Value { return integer(s.Parsed) }},
		{name: "bytes", typ: "int", get: func(s *probe.PySources) starlark.Value { return integer(s.Bytes) }},
		{name: "reader", typ: "string", doc: `"ast of Python 3.11.7 (/usr/bin/python3)", "built-in parser"`, get: func(s *probe.PySources) starlark.Value { return text(s.Reader) }},
		{name: "by_ast", typ: "bool", doc: "an interpreter read them", get: func(s *probe.PySources) starlark.Value { return truth(s.ByAst) }},
		{name: "why", typ: "string", doc: `no interpreter read them; "" = one did`, get: func(s *probe.PySources) starlark.Value { return text(s.Why) }},
		{name: "scopes", typ: "list of scope", aside: true, get: func(s *probe.PySources) starlark.Value {
			return listOf(s.Scopes, func(x pysource.Scope) starlark.Value { return newRecord(scopeKind, &x, "", time.Time{}) })
		}},
		{name: "problems", typ: "list of unread", doc: "files, or places in them, that could not be read", aside: true, get: func(s *probe.PySources) starlark.Value {
			return listOf(s.Problems, func(x probe.PyProblem) starlark.Value { return newRecord(unreadKind, x, "", time.Time{}) })
		}},
	},
}

var unreadKind = &kind[probe.PyProblem]{
	name: "unread",
	doc:  "A source that could not be read.",
	text: func(p probe.PyProblem) string { return p.Path + ": " + p.Text },
	fields: []field[probe.PyProblem]{
		{name: "path", typ: "string", get: func(p probe.PyProblem) starlark.Value { return text(p.Path) }},
		{name: "line", typ: "int or None", doc: "None: the file as a whole", get: func(p probe.PyProblem) starlark.Value { return unless(0, p.Line) }},
		{name: "column", typ: "int or None", get: func(p probe.PyProblem) starlark.Value { return unless(0, p.Column) }},
		{name: "kind", typ: "string", doc: `"unreadable", "binary", "too-large", "syntax"; "unparsed": no reader understands it, and something may be in it; "not-covered": the built-in parser does not understand it, an interpreter may`,
			get: func(p probe.PyProblem) starlark.Value { return text(p.Kind) }},
		{name: "text", typ: "string", doc: "why", get: func(p probe.PyProblem) starlark.Value { return text(p.Text) }},
	},
}

var scopeKind = &kind[*pysource.Scope]{
	name: "scope",
	doc:  "A block in which what waits may be cancelled.",
	text: func(s *pysource.Scope) string { return s.Kind + " " + spotText(s.At) },
	fields: []field[*pysource.Scope]{
		{name: "kind", typ: "string", doc: `"move_on_after": its own name, whatever it is called here`, get: func(s *pysource.Scope) starlark.Value { return text(s.Kind) }},
		{name: "spot", typ: "spot", get: func(s *pysource.Scope) starlark.Value { return newSpot(s.At) }},
		{name: "function", typ: "string", doc: "in which it stands", get: func(s *pysource.Scope) starlark.Value { return text(s.Function) }},
		{name: "calls", typ: "list of scope_call", doc: "awaited calls that it may cancel, to a proxy, or to a function with a round trip", aside: true, get: func(s *pysource.Scope) starlark.Value {
			return listOf(s.Calls, func(x pysource.ScopeCall) starlark.Value { return newRecord(scopeCallKind, &x, "", time.Time{}) })
		}},
	},
}

var scopeCallKind = &kind[*pysource.ScopeCall]{
	name: "scope_call",
	doc:  "A call that a scope may cancel.",
	text: func(r *pysource.ScopeCall) string { return r.At.Text + " " + spotText(r.At) },
	fields: []field[*pysource.ScopeCall]{
		{name: "spot", typ: "spot", get: func(r *pysource.ScopeCall) starlark.Value { return newSpot(r.At) }},
		{name: "function", typ: "string", doc: "in which it stands", get: func(r *pysource.ScopeCall) starlark.Value { return text(r.Function) }},
		{name: "receiver", typ: "string", doc: `"self.proxy"; "" a plain function`, get: func(r *pysource.ScopeCall) starlark.Value { return text(r.Receiver) }},
		{name: "method", typ: "string", get: func(r *pysource.ScopeCall) starlark.Value { return text(r.Method) }},
		{name: "how", typ: "string", doc: `"await", "async with", "async for", or "task": handed to a nursery of the scope`, get: func(r *pysource.ScopeCall) starlark.Value { return text(r.How) }},
		{name: "named", typ: "bool", doc: "the receiver, or its class, is called like a proxy", get: func(r *pysource.ScopeCall) starlark.Value { return truth(r.Named) }},
		{name: "type", typ: "string or None", doc: "of the receiver, with its module", get: func(r *pysource.ScopeCall) starlark.Value { return orNone(r.Type) }},
		{name: "known", typ: "bool", doc: "the function that is called is among the sources", get: func(r *pysource.ScopeCall) starlark.Value { return truth(r.Known) }},
		{name: "via", typ: "list of spot", doc: "the functions on the way to the round trip, which is in the last", aside: true, get: func(r *pysource.ScopeCall) starlark.Value { return listOf(r.Via, newSpot) }},
		{name: "roundtrip", typ: "roundtrip or None", doc: "None: none was found", aside: true, get: func(r *pysource.ScopeCall) starlark.Value {
			if r.RoundTrip == nil {
				return starlark.None
			}
			return newRecord(roundTripKind, r.RoundTrip, "", time.Time{})
		}},
		{name: "shielded", typ: "bool", doc: "it goes on when its caller is cancelled", get: func(r *pysource.ScopeCall) starlark.Value { return truth(r.Shielded) }},
		{name: "inside", typ: "bool", doc: "what it goes to was made within the scope, and ends with it", get: func(r *pysource.ScopeCall) starlark.Value { return truth(r.Inside) }},
		{name: "closes", typ: "spot or None", doc: "where the caller closes it, or makes it anew, after a cancellation", aside: true, get: func(r *pysource.ScopeCall) starlark.Value { return spotOrNone(r.Closes) }},
		{name: "lock", typ: "spot or None", doc: "around the call", aside: true, get: func(r *pysource.ScopeCall) starlark.Value { return spotOrNone(r.Lock) }},
		{name: "imports", typ: "list of string", doc: "top-level modules that the file imports", aside: true, get: func(r *pysource.ScopeCall) starlark.Value { return listOf(r.Imports, text) }},
	},
}

var roundTripKind = &kind[*pysource.RoundTrip]{
	name: "roundtrip",
	doc:  "A request and its answer in one function.",
	text: func(e *pysource.RoundTrip) string { return e.Function + " " + spotText(e.At) },
	fields: []field[*pysource.RoundTrip]{
		{name: "function", typ: "string", get: func(e *pysource.RoundTrip) starlark.Value { return text(e.Function) }},
		{name: "spot", typ: "spot", doc: "of the function", get: func(e *pysource.RoundTrip) starlark.Value { return newSpot(e.At) }},
		{name: "send", typ: "spot", get: func(e *pysource.RoundTrip) starlark.Value { return newSpot(e.Send) }},
		{name: "receive", typ: "spot or None", doc: "None: it waits for something that the id leads to", get: func(e *pysource.RoundTrip) starlark.Value { return spotOrNone(e.Receive) }},
		{name: "id", typ: "string or None", doc: "what tells one request from another; None: nothing does", get: func(e *pysource.RoundTrip) starlark.Value { return orNone(e.ID) }},
		{name: "checked", typ: "bool", doc: "the id is looked at where the answer is taken", get: func(e *pysource.RoundTrip) starlark.Value { return truth(e.Checked) }},
		{name: "lock", typ: "spot or None", doc: "around the two", get: func(e *pysource.RoundTrip) starlark.Value { return spotOrNone(e.Lock) }},
		{name: "closes", typ: "spot or None", doc: "where the channel is closed, or made anew, when it is cancelled between the two", get: func(e *pysource.RoundTrip) starlark.Value { return spotOrNone(e.Closes) }},
		{name: "says", typ: "list of string", doc: `texts in the request that could be names, at most 16: "subscribe"`, aside: true, get: func(e *pysource.RoundTrip) starlark.Value { return listOf(e.Says, text) }},
		{name: "stream", typ: "bool", doc: "what is taken are messages as they come, in a loop that none of them ends: a subscription", get: func(e *pysource.RoundTrip) starlark.Value { return truth(e.Stream) }},
		{name: "shielded", typ: "bool", doc: "it cannot be cancelled between the two", get: func(e *pysource.RoundTrip) starlark.Value { return truth(e.Shielded) }},
	},
}

func newSpot(p pysource.Place) starlark.Value { return newRecord(spotKind, p, "", time.Time{}) }

func spotOrNone(p *pysource.Place) starlark.Value {
	if p == nil {
		return starlark.None
	}
	return newSpot(*p)
}

func spotText(p pysource.Place) string { return fmt.Sprintf("%s:%d:%d", p.Path, p.Line, p.Column) }

var spotKind = &kind[pysource.Place]{
	name: "spot",
	doc:  "A place in a source.",
	text: spotText,
	fields: []field[pysource.Place]{
		{name: "where", typ: "string", doc: `"app.py:12:9"`, get: func(p pysource.Place) starlark.Value { return text(spotText(p)) }},
		{name: "text", typ: "string", doc: "what is written there", get: func(p pysource.Place) starlark.Value { return text(p.Text) }},
		{name: "path", typ: "string", aside: true, get: func(p pysource.Place) starlark.Value { return text(p.Path) }},
		{name: "line", typ: "int", doc: "from 1", aside: true, get: func(p pysource.Place) starlark.Value { return integer(p.Line) }},
		{name: "column", typ: "int", doc: "in characters, from 1", aside: true, get: func(p pysource.Place) starlark.Value { return integer(p.Column) }},
	},
}
