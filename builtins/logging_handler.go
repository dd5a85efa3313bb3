package builtins

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"go.starlark.net/starlark"

	"runbook/builtins/probe"
	"runbook/engine"
	"runbook/engine/event"
)

// loggingHandler is one handler; a finding can be about it: about the line that
// added it.
type loggingHandler struct{ record[probe.LoggingHandler] }

func newLoggingHandler(h probe.LoggingHandler, at time.Time) *loggingHandler {
	return &loggingHandler{*newRecord(loggingHandlerKind, h, "python", at)}
}

// Subject is the line that added the handler, or made it.
func (h *loggingHandler) Subject() event.Subject {
	if f, ok := siteOf(h.it); ok {
		return event.Subject{Type: "source", Path: f.File, Line: f.Line}
	}
	return event.Subject{Type: "path", Path: h.it.Class}
}

// added is the call of addHandler that counts: the first that changed anything
// stays the first.
func added(h probe.LoggingHandler) (probe.LoggingAdded, bool) {
	i := slices.IndexFunc(h.Added, func(a probe.LoggingAdded) bool { return !a.Again })
	if i < 0 {
		return probe.LoggingAdded{}, false
	}
	return h.Added[i], true
}

func siteOf(h probe.LoggingHandler) (probe.LoggingFrame, bool) {
	stack := h.Made
	if a, ok := added(h); ok {
		stack = a.Stack
	}
	if len(stack) == 0 {
		return probe.LoggingFrame{}, false
	}
	return stack[0], true
}

// callerOf is the line that led to the site: where that lies in an installed
// package, the nearest of the project's own; else the caller of its function.
func callerOf(h probe.LoggingHandler) (probe.LoggingFrame, bool) {
	a, _ := added(h)
	if len(a.Stack) < 2 {
		return probe.LoggingFrame{}, false
	}
	for _, f := range a.Stack[1:] {
		if !installed(f.File) {
			return f, true
		}
	}
	return probe.LoggingFrame{}, false
}

func installed(path string) bool {
	return strings.Contains(path, "/site-packages/") || strings.Contains(path, "/dist-packages/") || strings.Contains(path, "/lib/python3")
}

// frameText is a line of a stack as short as it can be found by: below the
// current directory, or below the directory of installed packages.
func frameText(f probe.LoggingFrame) string {
	path := f.File
	if i := strings.LastIndex(path, "-packages/"); i >= 0 {
		path = path[i+len("-packages/"):]
	} else if here, err := os.Getwd(); err == nil {
		if rel, ok := below(here, path); ok {
			path = rel
		}
	}
	if f.Line == 0 {
		return path
	}
	return fmt.Sprintf("%s:%d", path, f.Line)
}

func below(dir, path string) (string, bool) {
	rel, err := filepath.Rel(dir, path)
	return rel, err == nil && filepath.IsLocal(rel)
}

// siteText says who added a handler: "tractor/log.py:250, from app.py:3".
func siteText(h probe.LoggingHandler) string {
	a, ok := added(h)
	through := ""
	if a.Through != "" {
		through = a.Through + "() at "
	}
	f, found := siteOf(h)
	switch {
	case !found && ok && a.Through != "":
		return a.Through + "() by --" + a.During
	case !found:
		return ""
	case !ok:
		return "made at " + frameText(f)
	}
	text := through + frameText(f)
	if c, ok := callerOf(h); ok {
		return text + ", from " + frameText(c)
	}
	if strings.HasPrefix(a.During, "call ") {
		_, function, _ := strings.Cut(a.During, ":")
		return text + ", from --call " + function
	}
	return text
}

// placeText says where a handler writes.
func placeText(h probe.LoggingHandler) string {
	switch h.Place {
	case "stderr":
		if h.Target != "sys.stderr" {
			return "stderr (" + h.Target + ")"
		}
		return "stderr"
	case "replaced":
		return "sys.stderr, a " + h.Target
	case "file", "object":
		return h.Target
	case "closed":
		return "closed " + h.Target
	case "nowhere":
		return "nobody"
	}
	return h.Place
}

var loggingHandlerKind = &kind[probe.LoggingHandler]{
	name: "logging_handler",
	doc:  "One handler. A finding about it is about the line that added it.",
	text: func(h probe.LoggingHandler) string { return h.Class },
	fields: []field[probe.LoggingHandler]{
		{name: "class_name", typ: "string", doc: "without `logging.`", get: func(h probe.LoggingHandler) starlark.Value { return text(h.Class) }},
		{name: "name", typ: "string or None", get: func(h probe.LoggingHandler) starlark.Value { return orNone(h.Name) }},
		{name: "level", typ: "string", get: func(h probe.LoggingHandler) starlark.Value { return text(h.LevelName) }},
		{name: "filters", typ: "list of string", get: func(h probe.LoggingHandler) starlark.Value { return listOf(h.Filters, text) }},
		{name: "formatter", typ: "string or None", doc: "its class; None: none, which prints the message alone", get: func(h probe.LoggingHandler) starlark.Value { return orNone(h.Formatter) }},
		{name: "format", typ: "string or None", aside: true, get: func(h probe.LoggingHandler) starlark.Value { return orNone(h.Format) }},
		{name: "needs", typ: "list of string", doc: "fields of the format that no plain record has", get: func(h probe.LoggingHandler) starlark.Value { return listOf(h.Needs, text) }},
		{name: "place", typ: "string", doc: "stderr, stdout, file; replaced: a sys.stderr that leads elsewhere; object: a stream without a file; closed; memory; queue; nowhere; other",
			get: func(h probe.LoggingHandler) starlark.Value { return text(h.Place) }},
		{name: "writes_to", typ: "string", doc: "the same, in words, with the name of the file", get: func(h probe.LoggingHandler) starlark.Value { return text(placeText(h)) }},
		{name: "wrong", typ: "string or None", doc: "why it can't write there; None: it can", get: func(h probe.LoggingHandler) starlark.Value { return orNone(h.Wrong) }},
		{name: "was_stderr", typ: "bool", doc: "its stream was `sys.stderr` when it was made or added", aside: true, get: func(h probe.LoggingHandler) starlark.Value { return truth(h.WasStderr) }},
		{name: "is_stderr", typ: "bool", doc: "its stream is `sys.stderr` now", aside: true, get: func(h probe.LoggingHandler) starlark.Value { return truth(h.IsStderr) }},
		{name: "known", typ: "bool", doc: "its `emit` is that of logging, rich or colorlog; other code may write anywhere", aside: true, get: func(h probe.LoggingHandler) starlark.Value { return truth(h.Known) }},
		{name: "site", typ: "string", doc: "who added it: `basicConfig() at app.py:12`, `setup.py:8, from app.py:3`; empty: nobody was seen",
			get: func(h probe.LoggingHandler) starlark.Value { return text(siteText(h)) }},
		{name: "line", typ: "string or None", doc: "the innermost line of that: `setup.py:8`", aside: true, get: func(h probe.LoggingHandler) starlark.Value {
			f, ok := siteOf(h)
			if !ok {
				return starlark.None
			}
			return text(frameText(f))
		}},
		{name: "stack", typ: "list of string", doc: "of the call that added it, innermost first", aside: true, get: func(h probe.LoggingHandler) starlark.Value {
			a, _ := added(h)
			return listOf(a.Stack, func(f probe.LoggingFrame) starlark.Value { return text(frameText(f) + " in " + f.Function) })
		}},
		{name: "through", typ: "string or None", doc: "the function of logging that added it: basicConfig, dictConfig, warning", aside: true, get: func(h probe.LoggingHandler) starlark.Value {
			a, _ := added(h)
			return orNone(a.Through)
		}},
	},
}

// View draws the chain as a record travels: the logger, its handlers, the
// logger above.
func (c *loggingChain) View() event.View {
	v := event.View{Kind: "tree", Title: "The chain of " + c.it.it.Name, Columns: []string{"level", "writes to", "added"}}
	above := ""
	for _, l := range c.it.it.Loggers {
		id := "logger:" + l.Name
		level := l.LevelName
		if l.Level == 0 && l.Effective != level {
			level = "(" + l.Effective + ")"
		}
		label := l.Name
		var more []string
		if l.Class != "Logger" && l.Class != "RootLogger" {
			more = append(more, l.Class)
		}
		if l.Disabled {
			more = append(more, "disabled")
		}
		for _, f := range l.Filters {
			more = append(more, "filter "+f)
		}
		switch {
		case !l.Reached:
			more = append(more, "not reached")
		case !l.Propagate && l.Name != "root":
			more = append(more, "propagate=False: the chain ends here")
		case len(l.Handlers) == 0:
			more = append(more, "no handler")
		}
		v.Nodes = append(v.Nodes, event.Node{ID: id, Parent: above, Label: label, Cells: []string{level, strings.Join(more, ", ")}})
		for i, n := range l.Handlers {
			h := c.it.handlers[n]
			s := h.Subject()
			node := event.Node{ID: s.Key(), Parent: id, Label: h.it.Class, Cells: []string{h.it.LevelName, placeText(h.it), siteText(h.it)}, Subject: &s}
			if h.it.Level == 0 {
				node.Cells[0] = "all"
			}
			if slices.ContainsFunc(v.Nodes, func(o event.Node) bool { return o.ID == node.ID }) {
				node.ID = fmt.Sprintf("%s#%s/%d", node.ID, l.Name, i)
			}
			v.Nodes = append(v.Nodes, node)
		}
		above = id
	}
	return v
}

var _ engine.Viewer = (*loggingChain)(nil)
