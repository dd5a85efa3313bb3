package builtins

import (
	"context"
	"fmt"
	"strings"
	"time"

	startime "go.starlark.net/lib/time"
	"go.starlark.net/starlark"

	"runbook/builtins/probe"
	"runbook/engine"
)

func (w *world) loggingChain() engine.Builtin {
	return engine.Builtin{
		Name: "logging_chain",
		Doc: "Imports modules in a fresh interpreter of the project's environment, and tells through which handlers records of the loggers would go.\n\n" +
			"The chain is walked as `logging` does: it stops at a logger that does not propagate. Who makes and adds handlers is recorded while it happens. " +
			"Filters and formatters are asked with a sample record, level by level; nothing is logged.",
		Params: []engine.Arg{
			{Name: "loggers", Type: "list of string", Doc: "Names; `root` is the root. Empty: the names of the modules that are imported, or else of those that are called."},
			{Name: "imports", Type: "list of string", Default: "[]", Doc: "Modules, or files that end in `.py`, in this order."},
			{Name: "calls", Type: "list of string", Default: "[]", Doc: "`module:function`, perhaps with literal arguments, `module:function(\"info\", n=1)`; called after the imports."},
			{Name: "python", Type: "string", Default: `""`, Doc: "The interpreter, or a command line that ends in one. Empty: that of `$VIRTUAL_ENV`, else `.venv/bin/python`, else `python3`."},
			{Name: "dir", Type: "string", Default: `""`, Doc: "Where it runs, and modules are found first. Empty: here."},
			{Name: "timeout", Type: "duration", Default: `"60s"`, Doc: "For the imports and calls."},
		},
		Returns: "logging_audit",
		Errors:  "no interpreter is found, and the error says what was tried; it was ended by a signal, or by the module. A module that does not import is no error: see `failed`",
		Example: `logging_chain(["app.feed"], imports = ["app"]).chains`,
		Effect:  engine.Run,
		Func: func(call *engine.Call, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
			var (
				audit                   probe.LoggingAudit
				loggers, imports, calls *starlark.List
				timeout                 = startime.Duration(time.Minute)
			)
			err := starlark.UnpackArgs(call.Name, args, kwargs, "loggers", &loggers, "imports??", &imports, "calls??", &calls,
				"python??", &audit.Python, "dir??", &audit.Dir, "timeout??", &timeout)
			for _, l := range []struct {
				name string
				from *starlark.List
				to   *[]string
			}{{"loggers", loggers, &audit.Loggers}, {"imports", imports, &audit.Imports}, {"calls", calls, &audit.Calls}} {
				if err == nil {
					*l.to, err = stringList(l.name, l.from)
				}
			}
			audit.Timeout = time.Duration(timeout)
			switch {
			case err != nil:
				return nil, fmt.Errorf("%s: %w", call.Name, strip(err, call.Name))
			case audit.Timeout <= 0:
				return nil, fmt.Errorf("%s: for parameter \"timeout\": %s is no time at all", call.Name, timeout)
			}
			for _, c := range audit.Calls {
				if module, function, ok := strings.Cut(c, ":"); !ok || module == "" || function == "" {
					return nil, fmt.Errorf("%s: for parameter \"calls\": %q is not module:function", call.Name, c)
				}
			}
			return w.auditLogging(call, audit)
		},
	}
}

func (w *world) auditLogging(call *engine.Call, audit probe.LoggingAudit) (starlark.Value, error) {
	if w.host == nil {
		return nil, &blind{probe: call.Name, err: errNoHost}
	}
	plan := wouldDo("logging_chain (run)", "in a fresh interpreter: import "+strings.Join(append(audit.Imports, audit.Calls...), ", "))
	if call.DryRun {
		return starlark.None, call.Confirm(engine.Run, plan)
	}
	if w.host.Act() == nil {
		return nil, &engine.Denied{Effect: engine.Run, What: plan, Reason: "nothing can be run here: what is looked at is not this machine, now"}
	}
	defer awaited(call, call.Name)()
	return w.look(call, func(ctx context.Context, h probe.Host) (starlark.Value, error) {
		found, err := probe.LoggingChainOf(ctx, h, audit)
		if err != nil {
			return nil, err
		}
		return newLoggingAudit(found, h.Now()), nil
	})
}

// loggingFact is a part of an audit with its whole, in which handlers are
// found by number.
type loggingFact[T any] struct {
	it       T
	handlers []*loggingHandler
	at       time.Time
}

func newLoggingAudit(c probe.LoggingChains, at time.Time) starlark.Value {
	f := &loggingFact[probe.LoggingChains]{it: c, at: at}
	for _, h := range c.Handlers {
		f.handlers = append(f.handlers, newLoggingHandler(h, at))
	}
	return newRecord(loggingAuditKind, f, "python", at)
}

var loggingAuditKind = &kind[*loggingFact[probe.LoggingChains]]{
	name: "logging_audit",
	doc:  "How a fresh interpreter would log.",
	text: func(f *loggingFact[probe.LoggingChains]) string { return f.it.Python },
	fields: []field[*loggingFact[probe.LoggingChains]]{
		{name: "chains", typ: "list of logging_chain", doc: "one a logger, in the order asked; empty when it failed", aside: true,
			get: func(f *loggingFact[probe.LoggingChains]) starlark.Value {
				return listOf(f.it.Chains, func(c probe.LoggingChain) starlark.Value {
					return &loggingChain{*newRecord(loggingChainKind, &loggingFact[probe.LoggingChain]{c, f.handlers, f.at}, "python", f.at)}
				})
			}},
		{name: "failed", typ: "python_failure or None", doc: "what an import or call failed with; nothing else is known then", aside: true,
			get: func(f *loggingFact[probe.LoggingChains]) starlark.Value {
				if f.it.Failed == nil {
					return starlark.None
				}
				return newPythonFailure(f.it.Failed.PythonProblem, f.it.Failed.During, f.at)
			}},
		{name: "disabled_to", typ: "string or None", doc: "the level up to which `logging.disable` silences everything", get: func(f *loggingFact[probe.LoggingChains]) starlark.Value { return orNone(f.it.Disable) }},
		{name: "raises", typ: "bool", doc: "logging.raiseExceptions: what a handler fails with is printed to stderr", get: func(f *loggingFact[probe.LoggingChains]) starlark.Value { return truth(f.it.Raise) }},
		{name: "replaced_stderr", typ: "bool", doc: "sys.stderr is no longer what the program was started with", get: func(f *loggingFact[probe.LoggingChains]) starlark.Value { return truth(f.it.ReplacedStderr) }},
		{name: "python", typ: "string", doc: "the interpreter", get: func(f *loggingFact[probe.LoggingChains]) starlark.Value { return text(f.it.Python) }},
		{name: "version", typ: "string", doc: "its version", get: func(f *loggingFact[probe.LoggingChains]) starlark.Value { return text(f.it.Version) }},
	},
}

// loggingChain draws itself.
type loggingChain struct {
	record[*loggingFact[probe.LoggingChain]]
}

var loggingChainKind = &kind[*loggingFact[probe.LoggingChain]]{
	name: "logging_chain",
	doc:  "One logger and those above it, and what becomes of its records. `show` draws it, the logger first, as a record travels.",
	text: func(f *loggingFact[probe.LoggingChain]) string { return f.it.Name },
	fields: []field[*loggingFact[probe.LoggingChain]]{
		{name: "name", typ: "string", get: func(f *loggingFact[probe.LoggingChain]) starlark.Value { return text(f.it.Name) }},
		{name: "known", typ: "bool", doc: "somebody had asked for this logger before we did; else the name may be misspelt", get: func(f *loggingFact[probe.LoggingChain]) starlark.Value { return truth(f.it.Known) }},
		{name: "own_code", typ: "list of string", doc: "methods of logging that its class replaced: then the chain may not be all", get: func(f *loggingFact[probe.LoggingChain]) starlark.Value { return listOf(f.it.OwnCode, text) }},
		{name: "last_resort", typ: "bool", doc: "no handler is in the chain, and `logging.lastResort` prints the bare message", get: func(f *loggingFact[probe.LoggingChain]) starlark.Value { return truth(f.it.LastResort) }},
		{name: "handlers", typ: "list of logging_handler", doc: "that its records reach, in that order; one that is on two loggers comes twice", aside: true,
			get: func(f *loggingFact[probe.LoggingChain]) starlark.Value {
				all := []starlark.Value{}
				for _, l := range f.it.Loggers {
					for _, n := range l.Handlers {
						if l.Reached {
							all = append(all, f.handlers[n])
						}
					}
				}
				return starlark.NewList(all)
			}},
		{name: "adapter", typ: "string or None", doc: "class of a LoggerAdapter of this logger: the levels are those of records that are logged through it", get: func(f *loggingFact[probe.LoggingChain]) starlark.Value { return orNone(f.it.Adapter) }},
		{name: "adapter_only", typ: "list of logging_handler", doc: "that fail on a record which is logged otherwise", aside: true, get: func(f *loggingFact[probe.LoggingChain]) starlark.Value {
			return listOf(f.it.AdapterOnly, func(n int) starlark.Value { return f.handlers[n] })
		}},
		{name: "loggers", typ: "list of logger", doc: "the logger first, the root last", aside: true, get: func(f *loggingFact[probe.LoggingChain]) starlark.Value {
			return listOf(f.it.Loggers, func(l probe.LoggingLogger) starlark.Value {
				return newRecord(loggerKind, l, "python", f.at)
			})
		}},
		{name: "levels", typ: "list of logging_level", doc: "each that has a name, ascending", aside: true, get: func(f *loggingFact[probe.LoggingChain]) starlark.Value {
			return listOf(f.it.Levels, func(l probe.LoggingLevel) starlark.Value {
				return newRecord(loggingLevelKind, &loggingFact[probe.LoggingLevel]{l, f.handlers, f.at}, "python", f.at)
			})
		}},
	},
}

var loggerKind = &kind[probe.LoggingLogger]{
	name: "logger",
	doc:  "One logger of a chain.",
	text: func(l probe.LoggingLogger) string { return l.Name },
	fields: []field[probe.LoggingLogger]{
		{name: "name", typ: "string", get: func(l probe.LoggingLogger) starlark.Value { return text(l.Name) }},
		{name: "class_name", typ: "string", get: func(l probe.LoggingLogger) starlark.Value { return text(l.Class) }},
		{name: "level", typ: "string", doc: "`NOTSET`: that of the logger above", get: func(l probe.LoggingLogger) starlark.Value { return text(l.LevelName) }},
		{name: "effective", typ: "string", doc: "the level that counts for records which are logged here", get: func(l probe.LoggingLogger) starlark.Value { return text(l.Effective) }},
		{name: "propagate", typ: "bool", get: func(l probe.LoggingLogger) starlark.Value { return truth(l.Propagate) }},
		{name: "disabled", typ: "bool", doc: "as dictConfig and fileConfig leave loggers that they do not name", get: func(l probe.LoggingLogger) starlark.Value { return truth(l.Disabled) }},
		{name: "filters", typ: "list of string", doc: "they count for records which are logged here, not for those from below", get: func(l probe.LoggingLogger) starlark.Value { return listOf(l.Filters, text) }},
		{name: "reached", typ: "bool", doc: "records of the chain's logger come here", get: func(l probe.LoggingLogger) starlark.Value { return truth(l.Reached) }},
	},
}

var loggingLevelKind = &kind[*loggingFact[probe.LoggingLevel]]{
	name: "logging_level",
	doc:  "What becomes of the records of one level.",
	text: func(f *loggingFact[probe.LoggingLevel]) string { return f.it.Name },
	fields: []field[*loggingFact[probe.LoggingLevel]]{
		{name: "name", typ: "string", get: func(f *loggingFact[probe.LoggingLevel]) starlark.Value { return text(f.it.Name) }},
		{name: "level", typ: "int", get: func(f *loggingFact[probe.LoggingLevel]) starlark.Value { return integer(f.it.Level) }},
		{name: "on", typ: "bool", doc: "the logger lets them through", get: func(f *loggingFact[probe.LoggingLevel]) starlark.Value { return truth(f.it.On) }},
		{name: "why", typ: "string or None", doc: "why not; None: it does", get: func(f *loggingFact[probe.LoggingLevel]) starlark.Value { return orNone(f.it.Why) }},
		{name: "hits", typ: "list of logging_hit", doc: "the handlers that get it", get: func(f *loggingFact[probe.LoggingLevel]) starlark.Value {
			return listOf(f.it.Hits, func(h probe.LoggingHit) starlark.Value {
				return newRecord(loggingHitKind, &loggingFact[probe.LoggingHit]{h, f.handlers, f.at}, "python", f.at)
			})
		}},
	},
}

var loggingHitKind = &kind[*loggingFact[probe.LoggingHit]]{
	name: "logging_hit",
	doc:  "A record that reaches a handler whose level lets it pass.",
	text: func(f *loggingFact[probe.LoggingHit]) string { return f.it.Result },
	fields: []field[*loggingFact[probe.LoggingHit]]{
		{name: "handler", typ: "logging_handler", get: func(f *loggingFact[probe.LoggingHit]) starlark.Value { return f.handlers[f.it.Handler] }},
		{name: "logger", typ: "string or None", doc: "to which the handler belongs; None: `logging.lastResort`", get: func(f *loggingFact[probe.LoggingHit]) starlark.Value { return orNone(f.it.Logger) }},
		{name: "via", typ: "string or None", doc: "the handler that passed it on: a queue's, a buffer's", get: func(f *loggingFact[probe.LoggingHit]) starlark.Value { return orNone(f.it.Via) }},
		{name: "result", typ: "string", doc: "prints; error: it would fail with `error`; raises: a filter would; filtered; dropped; buffered; queued", get: func(f *loggingFact[probe.LoggingHit]) starlark.Value { return text(f.it.Result) }},
		{name: "text", typ: "string or None", doc: "how a sample record reads; None: it is not printed", get: func(f *loggingFact[probe.LoggingHit]) starlark.Value { return orNone(f.it.Text) }},
		{name: "error", typ: "string or None", doc: "None: none", get: func(f *loggingFact[probe.LoggingHit]) starlark.Value { return orNone(f.it.Error) }},
		{name: "bare", typ: "bool", doc: "the text is the message and nothing else", get: func(f *loggingFact[probe.LoggingHit]) starlark.Value { return truth(f.it.Bare) }},
		{name: "later", typ: "string or None", doc: "when a buffer gives it away; None: at once", get: func(f *loggingFact[probe.LoggingHit]) starlark.Value { return orNone(f.it.Later) }},
	},
}

func newPythonFailure(p probe.PythonProblem, during string, at time.Time) starlark.Value {
	return newRecord(pythonFailureKind, pythonFailure{p, during}, "python", at)
}

type pythonFailure struct {
	probe.PythonProblem
	during string
}

var pythonFailureKind = &kind[pythonFailure]{
	name: "python_failure",
	doc:  "An exception that nobody caught.",
	text: func(p pythonFailure) string { return p.Error() },
	fields: []field[pythonFailure]{
		{name: "during", typ: "string", doc: "what was done: `import app`", get: func(p pythonFailure) starlark.Value { return text(p.during) }},
		{name: "type", typ: "string", doc: "`ImportError`, `module.Class`; `Timeout` when the deadline was over", get: func(p pythonFailure) starlark.Value { return text(p.Type) }},
		{name: "text", typ: "string", aside: true, get: func(p pythonFailure) starlark.Value { return text(p.Text) }},
		{name: "path", typ: "string or None", doc: "of the last line of the user's, or of a syntax error", get: func(p pythonFailure) starlark.Value { return orNone(p.File) }},
		{name: "line", typ: "int or None", get: func(p pythonFailure) starlark.Value { return unless(0, p.Line) }},
		{name: "traceback", typ: "string", doc: "as Python prints it, the user's frames only", aside: true, get: func(p pythonFailure) starlark.Value { return text(p.Traceback) }},
	},
}
