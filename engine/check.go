package engine

import (
	"context"
	"errors"
	"fmt"
	"sort"
	"strings"

	"go.starlark.net/resolve"
	"go.starlark.net/syntax"
)

// Severity of a Problem.
type Severity string

// An error keeps a file from running or from doing what it says; a warning is
// what a reader of its docs would miss.
const (
	SeverityError   Severity = "error"
	SeverityWarning Severity = "warning"
)

// Problem is one thing to repair in a file.
type Problem struct {
	Pos      string   `json:"pos"` // "wedged-actor.star:70:22"; the file alone when no line is to blame
	Msg      string   `json:"msg"`
	Line     string   `json:"line,omitempty"` // source line and caret
	Hint     string   `json:"hint,omitempty"`
	Severity Severity `json:"severity"`
}

func (p Problem) String() string {
	text := fmt.Sprintf("%s: %s: %s", p.Pos, p.Severity, p.Msg)
	if p.Line != "" {
		text += "\n" + p.Line
	}
	if p.Hint != "" {
		text += "\nhint: " + p.Hint
	}
	return text
}

// Check loads a file by path, runs nothing, and says what is wrong with it. An
// empty list means that it looked and found none. A file that declares no
// recipe is checked as one that others load.
func Check(ctx context.Context, lib *Library, file string) []Problem {
	place, err := lib.locateFile(file)
	if err != nil {
		return []Problem{{Pos: file, Msg: oneLine(err.Error()), Severity: SeverityError}}
	}
	l := newLoader(lib)
	m, err := l.open(ctx, place)
	if err != nil {
		return problems(file, err)
	}
	if m.declared == nil {
		if len(m.globals) == 0 {
			return []Problem{{Pos: m.shown, Severity: SeverityError, Msg: "declares no recipe, and defines nothing for others to load", Hint: "end the file with recipe(summary = …, steps = […])"}}
		}
		return nil
	}
	c := &checker{lib: lib, module: m}
	c.docs()
	c.params()
	c.effects()
	sort.SliceStable(c.found, func(i, j int) bool { return c.found[i].Severity < c.found[j].Severity })
	return c.found
}

func problems(file string, err error) []Problem {
	var list LoadErrors
	if !errors.As(err, &list) {
		return []Problem{{Pos: file, Msg: oneLine(err.Error()), Severity: SeverityError}}
	}
	var out []Problem
	for _, e := range list {
		hint := e.Hint
		for _, via := range e.Via {
			hint = join(hint, "loaded at "+via)
		}
		pos := e.Pos
		if pos == "" {
			pos = file
		}
		out = append(out, Problem{Pos: pos, Msg: e.Msg, Line: e.Line, Hint: hint, Severity: SeverityError})
	}
	return out
}

type checker struct {
	lib    *Library
	module *module
	found  []Problem
}

func (c *checker) say(severity Severity, pos, hint, format string, a ...any) {
	c.found = append(c.found, Problem{
		Pos: pos, Msg: fmt.Sprintf(format, a...), Line: excerptAt(pos, c.module), Hint: hint, Severity: severity,
	})
}

func (c *checker) docs() {
	d := c.module.declared
	switch {
	case c.module.doc == "":
		c.say(SeverityWarning, c.module.shown+":1:1", `begin with """# Title`, "the file has no docstring")
	case heading(c.module.doc) == "":
		c.say(SeverityWarning, c.module.shown+":1:1", `begin with """# Title`, "the docstring has no heading")
	}
	if d.summary == "" {
		c.say(SeverityWarning, d.pos, "", "recipe: no summary")
	}
	for _, s := range d.steps {
		if strings.TrimSpace(s.fn.Doc()) == "" {
			c.say(SeverityWarning, s.Pos, "", "step %s has no docstring: its first line is the title, the rest the guidance", s.Name)
		}
	}
}

func (c *checker) params() {
	d := c.module.declared
	used := map[string]bool{}
	for _, s := range d.steps {
		for _, in := range s.Inputs {
			used[in.Name] = true
		}
	}
	for _, p := range d.params {
		if p.Doc == "" {
			c.say(SeverityWarning, p.Pos, "", "param %s has no doc", p.Name)
		}
		// pid and match also tell pkill which tree was meant, so they may go unread.
		if !used[p.Name] && p.Name != "pid" && p.Name != "match" {
			c.say(SeverityWarning, p.Pos, "", "param %s: no step takes it", p.Name)
		}
	}
}

// effects finds the words that act which a step calls without having asked. It
// follows the functions of the same file; what happens behind a load() is
// caught when it runs.
func (c *checker) effects() {
	acts := map[string]Effect{}
	for _, b := range c.lib.Builtins {
		if b.Effect != Looks {
			acts[b.Name] = b.Effect
		}
	}
	defs := map[string]*syntax.DefStmt{}
	for _, stmt := range c.module.syntax.Stmts {
		if def, ok := stmt.(*syntax.DefStmt); ok {
			defs[def.Name.Name] = def
		}
	}
	for _, s := range c.module.declared.steps {
		def := defs[s.Name]
		if def == nil || position(def.Name.NamePos) != s.Pos && position(def.Def) != s.Pos {
			continue // from another file
		}
		c.walk(s, def, defs, acts, map[string]bool{})
	}
}

func (c *checker) walk(s Step, def *syntax.DefStmt, defs map[string]*syntax.DefStmt, acts map[string]Effect, seen map[string]bool) {
	if seen[def.Name.Name] {
		return
	}
	seen[def.Name.Name] = true
	syntax.Walk(def, func(n syntax.Node) bool {
		id, ok := n.(syntax.Expr)
		if !ok {
			return true
		}
		name := wordOf(id)
		if effect := acts[name]; effect != Looks && !s.needs(effect) {
			start, _ := n.Span()
			c.say(SeverityError, position(start), fmt.Sprintf("step(%s, needs = [%q])", s.Name, effect),
				"step %s calls %s, which needs the effect %s", s.Name, name, effect)
			return false
		}
		if next := defs[name]; next != nil {
			c.walk(s, next, defs, acts, seen)
		}
		return true
	})
}

// wordOf is the name of an identifier, or of module.member; "" for all else. A
// local name is no word: a step's parameter is called like the step whose value
// it is.
func wordOf(e syntax.Expr) string {
	switch e := e.(type) {
	case *syntax.Ident:
		if !isLocal(e) {
			return e.Name
		}
	case *syntax.DotExpr:
		if x, ok := e.X.(*syntax.Ident); ok && !isLocal(x) {
			return x.Name + "." + e.Name.Name
		}
	}
	return ""
}

func isLocal(id *syntax.Ident) bool {
	b, ok := id.Binding.(*resolve.Binding)
	return ok && (b.Scope == resolve.Local || b.Scope == resolve.Cell || b.Scope == resolve.Free)
}
