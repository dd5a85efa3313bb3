package builtins

import (
	"fmt"
	"regexp"
	"time"

	"go.starlark.net/starlark"

	"runbook/builtins/probe"
	"runbook/engine"
)

// logsTable is the module logs: what log files that the user named say. They
// are streamed, each line once, however large they are.
func (w *world) logsTable() []engine.Builtin {
	return []engine.Builtin{w.logsFind(), w.logsExchanges(), w.logsLearn(), w.logsRecords()}
}

var argLogs = engine.Arg{Name: "paths", Type: "list of string", Doc: "As the user gave them, in a parameter of kind path, list or rest: plain, gzip or bzip2, `-` for stdin, a FIFO, or a pattern as `'run/*.log'`. The parts of a rotated log are read in the order in which they were written."}

const (
	whyNoLogs = "the user did not name one of the files. One that cannot be read is no failure: its `problem` says so, and the others are read"
	readOnce  = "\n\nA pipe can be read once in a run."
)

func (w *world) logsFind() engine.Builtin {
	return engine.Builtin{
		Name: "logs.find",
		Doc:  "The lines of log files that patterns match, counted; the first of each are kept." + readOnce,
		Params: []engine.Arg{
			argLogs,
			{Name: "patterns", Type: "list of regexp", Doc: "At most 60. One that holds a fixed text of two letters or more is looked for many times faster than one that does not."},
		},
		Returns: "logscan; its `hits` are in the order of patterns",
		Errors:  whyNoLogs,
		Example: `logs.find(["x.log"], ["Traceback"]).hits[0].count`,
		Func: func(call *engine.Call, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
			var paths pathList
			var patterns patternList
			if err := starlark.UnpackArgs(call.Name, args, kwargs, "paths", &paths, "patterns", &patterns); err != nil {
				return nil, err
			}
			l, err := w.logs(call, paths)
			if err != nil {
				return nil, err
			}
			found, err := l.Find(call.Context, paths, patterns)
			if err != nil {
				return nil, err
			}
			return newRecord(logScanKind, found, "", time.Time{}), nil
		},
	}
}

func (w *world) logsExchanges() engine.Builtin {
	return engine.Builtin{
		Name: "logs.exchanges",
		Doc: "How the responses in log files fall on the queries before them, for each who asks.\n\n" +
			"A response *answers* the latest query before it, or the one with its `id`; it *belongs to* the query with its `key`. The distance of the two is its shift: 0 where each gets its own answer. " +
			"Groups of the patterns say what is what: `(?P<key>…)` what is asked for, and what the response speaks of; `(?P<id>…)` a number that both bear; `(?P<actor>…)` or `(?P<lane>…)` who asks, if the header does not say it. " +
			"A response without the group `key` is searched for the keys of the queries. A line that both match is a query and its response, if the query stands first." + readOnce,
		Params: []engine.Arg{
			argLogs,
			{Name: "query", Type: "regexp", Doc: "A line that asks; it has a group."},
			{Name: "response", Type: "regexp", Doc: "A line that answers."},
			{Name: "give_up", Type: "regexp", Default: `""`, Doc: "A line that says of a request that nobody waits for it any more."},
			{Name: "also", Type: "list of regexp", Default: "[]", Doc: "Patterns that are looked for in the same pass."},
		},
		Returns: "exchange",
		Errors:  whyNoLogs + "; the query pattern has no group",
		Example: `logs.exchanges(["x.log"], query = r"query (?P<key>\S+)", response = "result").lanes`,
		Func: func(call *engine.Call, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
			var paths pathList
			var query, response, giveUp pattern
			var also patternList
			if err := starlark.UnpackArgs(call.Name, args, kwargs, "paths", &paths, "query", &query, "response", &response, "give_up?", &giveUp, "also?", &also); err != nil {
				return nil, err
			}
			if query.re == nil || response.re == nil {
				return nil, fmt.Errorf("%s: query and response must not be empty", call.Name)
			}
			l, err := w.logs(call, paths)
			if err != nil {
				return nil, err
			}
			x, err := l.Exchanges(call.Context, probe.ExchangeQuery{Paths: paths, Query: query.re, Response: response.re, GiveUp: giveUp.re, Also: also})
			if err != nil {
				return nil, err
			}
			return newRecord(exchangeKind, x, "", time.Time{}), nil
		},
	}
}

func (w *world) logsLearn() engine.Builtin {
	return engine.Builtin{
		Name: "logs.learn",
		Doc: "Which patterns for `logs.exchanges` the beginning of log files suggests.\n\n" +
			"Reads 2 MB of each. A query and its response meet in a word: each word after a verb that asks is compared with each word after one that answers, in the lines that follow. Where a line has both verbs, the first says what it is.",
		Params: []engine.Arg{
			argLogs,
			{Name: "asks", Type: "regexp", Doc: "Verbs that ask: query, request, send …"},
			{Name: "answers", Type: "regexp", Doc: "Verbs that answer: result, response, got …"},
		},
		Returns: "learning; its `pairs` are [] when no word of a query came again in a response",
		Errors:  whyNoLogs,
		Example: `logs.learn(["x.log"], asks = r"\bquery\b", answers = r"\bresult\b").pairs`,
		Func: func(call *engine.Call, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
			var paths pathList
			var asks, answers pattern
			if err := starlark.UnpackArgs(call.Name, args, kwargs, "paths", &paths, "asks", &asks, "answers", &answers); err != nil {
				return nil, err
			}
			if asks.re == nil || answers.re == nil {
				return nil, fmt.Errorf("%s: asks and answers must not be empty", call.Name)
			}
			l, err := w.logs(call, paths)
			if err != nil {
				return nil, err
			}
			found, err := l.LearnExchange(call.Context, paths, asks.re, answers.re)
			if err != nil {
				return nil, err
			}
			return newRecord(learningKind, found, "", time.Time{}), nil
		},
	}
}

func (w *world) logsRecords() engine.Builtin {
	return engine.Builtin{
		Name: "logs.records",
		Doc: "How log files were written: which records are there several times, and which lines lack the header that others have.\n\n" +
			"Looks at every line. A header is a time, a level, an actor as tractor writes it, or the fields of a JSON line. " +
			"What is indented, begins with a sign, or belongs to a traceback is a part of the record before it." + readOnce,
		Params: []engine.Arg{
			argLogs,
			{Name: "also", Type: "list of regexp", Default: "[]", Doc: "Patterns that are looked for in the same pass."},
		},
		Returns: "logrecords",
		Errors:  whyNoLogs,
		Example: `[g for g in logs.records(["x.log"]).groups if g.bare]`,
		Func: func(call *engine.Call, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
			var paths pathList
			var also patternList
			if err := starlark.UnpackArgs(call.Name, args, kwargs, "paths", &paths, "also?", &also); err != nil {
				return nil, err
			}
			l, err := w.logs(call, paths)
			if err != nil {
				return nil, err
			}
			r, err := l.Records(call.Context, paths, also)
			if err != nil {
				return nil, err
			}
			return newRecord(logRecordsKind, r, "", time.Time{}), nil
		},
	}
}

// logs is the reader of this run, for files that the user named: a recipe has
// no business in others.
func (w *world) logs(call *engine.Call, paths []string) (*probe.Logs, error) {
	for _, p := range paths {
		switch call.Named(p) {
		case engine.KindPath, engine.KindList, engine.KindRest:
		default:
			return nil, fmt.Errorf("%s %s: only a file that the user named in a parameter of kind path, list or rest", call.Name, p)
		}
	}
	w.logFiles.Progress = call.Progress
	return &w.logFiles, nil
}

// pathList takes one path or several.
type pathList []string

func (l *pathList) Unpack(v starlark.Value) error {
	if s, ok := starlark.AsString(v); ok {
		*l = append(*l, s)
		return nil
	}
	return each(v, "string", func(x starlark.Value) bool {
		s, ok := starlark.AsString(x)
		*l = append(*l, s)
		return ok
	})
}

const maxPatterns = 60

// patternList takes regexps, or strings that are such.
type patternList []*regexp.Regexp

func (l *patternList) Unpack(v starlark.Value) error {
	list, ok := v.(starlark.Iterable)
	if !ok {
		return fmt.Errorf("got %s, want a list of regexps", v.Type())
	}
	for x := range starlark.Elements(list) {
		var p pattern
		if err := p.Unpack(x); err != nil {
			return fmt.Errorf("element %d: %w", len(*l), err)
		}
		if p.re == nil {
			return fmt.Errorf("element %d is empty", len(*l))
		}
		if *l = append(*l, p.re); len(*l) > maxPatterns {
			return fmt.Errorf("more than %d patterns", maxPatterns)
		}
	}
	return nil
}
