package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
)

// Severity of a Problem.
type Severity string

// An error keeps a file from running, from doing what it says, or from doing no
// harm; a warning is what a reader of it would miss.
const (
	SeverityError   Severity = "error"
	SeverityWarning Severity = "warning"
)

// Problem is one thing to repair in a file.
type Problem struct {
	Pos      string   `json:"pos"` // "wedged-actor.star:70:22"; the file alone when no line is to blame
	Rule     string   `json:"rule"`
	Msg      string   `json:"msg"`
	Line     string   `json:"line,omitempty"` // source line and caret
	Hint     string   `json:"hint,omitempty"`
	Severity Severity `json:"severity"`
}

func (p Problem) String() string {
	text := fmt.Sprintf("%s: %s: %s [%s]", p.Pos, p.Severity, p.Msg, p.Rule)
	if p.Line != "" {
		text += "\n" + p.Line
	}
	if p.Hint != "" {
		text += "\nhint: " + p.Hint
	}
	return text
}

// Fatal reports whether the file does not load because of it: nothing more can
// be said of the file then.
func (p Problem) Fatal() bool {
	switch p.Rule {
	case "syntax", "name", "load", "recipe", "param", "step-input":
		return true
	}
	return false
}

// Place takes Pos apart; line and column are 0 when no line is to blame.
func (p Problem) Place() (file string, line, column int) {
	file, line, column, ok := cutPos(p.Pos)
	if !ok {
		return p.Pos, 0, 0
	}
	return file, line, column
}

// cutPos takes "file:line:column" apart.
func cutPos(pos string) (file string, line, column int, ok bool) {
	file = filePart(pos)
	l, c, _ := strings.Cut(strings.TrimPrefix(pos, file+":"), ":")
	line, err1 := strconv.Atoi(l)
	column, err2 := strconv.Atoi(c)
	return file, line, column, err1 == nil && err2 == nil
}

// Check loads a file by path, runs nothing, and says what is wrong with it. An
// empty list means that it looked and found none. A file that declares no
// recipe is checked as one that others load.
func Check(ctx context.Context, lib *Library, file string) []Problem {
	return NewChecker(lib).Check(ctx, file)
}

// Checker checks many files, and reads what they load once. It serves one
// caller at a time.
type Checker struct {
	lib    *Library
	loader *loader
	pages  map[*module]*page
	types  map[string]Type
	rows   map[*starlark.Builtin]*Builtin // of the words of Go

	walks   map[stepKey]*reacher
	reaches map[stepKey][]Reach
	lent    map[calledFn]*reacher // what functions come to, for the files that load them

	readings map[written]*reading // for editors
}

// NewChecker returns a checker of files that load from lib. It sees files as
// they were when it first read them.
func NewChecker(lib *Library) *Checker {
	c := &Checker{lib: lib, types: map[string]Type{}}
	c.begin()
	for _, t := range lib.Types {
		c.types[t.Name] = t
	}
	return c
}

// begin forgets all that was read.
func (c *Checker) begin() {
	c.loader = newLoader(c.lib)
	c.rows, c.pages, c.reaches = rowsOf(c.loader), map[*module]*page{}, map[stepKey][]Reach{}
	c.lent = map[calledFn]*reacher{}
	c.walks, c.readings = map[stepKey]*reacher{}, map[written]*reading{}
}

// Check is like the function Check.
func (c *Checker) Check(ctx context.Context, file string) []Problem {
	m, wrong := c.open(ctx, file)
	if wrong != nil {
		return c.inOurWords(m, wrong)
	}
	k := &checking{Checker: c, module: m, page: c.page(m)}
	if m.declared == nil && len(m.globals) == 0 {
		k.say("recipe", m.shown+":1:1", "end the file with recipe(summary = …, steps = […])", "declares no recipe, and defines nothing for others to load")
		return k.found
	}
	k.calls()
	k.dangers()
	k.recursion()
	k.frozen()
	k.dead()
	if m.declared != nil {
		k.docs()
		k.params()
		k.effects()
		k.unreached()
	}
	k.heed(silences(m))
	slices.SortStableFunc(k.found, func(a, b Problem) int {
		_, la, ca := a.Place()
		_, lb, cb := b.Place()
		return cmp.Or(strings.Compare(string(a.Severity), string(b.Severity)), la-lb, ca-cb)
	})
	return slices.Compact(k.found)
}

// inOurWords says better what Starlark said of a module's attribute or of an
// argument at the top level of a file: which module, and what was meant.
func (c *Checker) inOurWords(m *module, wrong []Problem) []Problem {
	if m == nil || m.syntax == nil || m.globals == nil {
		return wrong
	}
	k := &checking{Checker: c, module: m, page: c.page(m)}
	k.calls()
	for i, w := range wrong {
		_, line, _ := w.Place()
		for _, p := range k.found {
			if _, at, _ := p.Place(); w.Rule == "load" && at == line {
				p.Rule, p.Severity = w.Rule, w.Severity
				wrong[i] = p
			}
		}
	}
	return wrong
}

// open loads a file, or says why that is not to be had; the module then is what
// was read of it, nil when nothing was.
func (c *Checker) open(ctx context.Context, file string) (*module, []Problem) {
	place, err := c.place(file)
	if err != nil {
		return nil, []Problem{{Pos: file, Rule: "load", Msg: oneLine(err.Error()), Severity: SeverityError}}
	}
	m, err := c.loader.open(ctx, place)
	if errors.Is(err, errAbandoned) {
		c.begin() // the old one still belongs to the file that does not end
	}
	if err != nil {
		return c.loader.modules[moduleKey{place.Root, place.Path}], problems(file, err)
	}
	return m, nil
}

// place is where a file lies. A root of its own for each would read each library
// anew, so files of one directory share theirs.
func (c *Checker) place(file string) (Place, error) {
	place, err := c.lib.locateFile(file)
	if err != nil {
		return Place{}, err
	}
	for m := range c.pages {
		if place.Root.Dir != "" && m.root.Dir == place.Root.Dir {
			place.Root = m.root
		}
	}
	return place, nil
}

func problems(file string, err error) []Problem {
	var list LoadErrors
	if !errors.As(err, &list) {
		return []Problem{{Pos: file, Rule: "load", Msg: oneLine(err.Error()), Severity: SeverityError}}
	}
	var out []Problem
	for _, e := range list {
		hint := e.Hint
		for _, via := range e.Via {
			hint = join(hint, "loaded at "+via)
		}
		out = append(out, Problem{Pos: cmp.Or(e.Pos, file), Rule: cmp.Or(e.Rule, "load"), Msg: e.Msg, Line: e.Line, Hint: hint, Severity: SeverityError})
	}
	return out
}

// checking is one file on its way.
type checking struct {
	*Checker
	module *module
	page   *page
	found  []Problem
}

func (k *checking) say(rule, pos, hint, format string, a ...any) {
	k.found = append(k.found, Problem{
		Pos: pos, Rule: rule, Msg: oneLine(fmt.Sprintf(format, a...)), Line: excerptAt(pos, k.module), Hint: hint, Severity: severityOf(rule),
	})
}

func (k *checking) params() {
	d := k.module.declared
	used := map[string]bool{}
	for _, s := range d.steps {
		for _, in := range s.Inputs {
			used[in.Name] = true
		}
	}
	for _, p := range d.params {
		if p.Doc == "" {
			k.say("param-doc", p.Pos, "", "param %s has no doc", p.Name)
		}
		// pid and match also tell pkill which tree was meant, so they may go unread.
		if !used[p.Name] && p.Name != "pid" && p.Name != "match" {
			k.say("unused-param", p.Pos, "", "param %s: no step takes it", p.Name)
		}
		if p.Kind == KindRegexp && p.Default != "" && matchesAll(p.Default) {
			k.say("match-everything", p.Pos, `no default, "", says that no pattern was given`, "param %s: the pattern %q matches everything", p.Name, p.Default)
		}
	}
}

// effects compares what the steps request with what they can reach. One place
// that leads to many builtins is one problem.
func (k *checking) effects() {
	for _, s := range k.module.declared.steps {
		needed := map[Effect]bool{}
		type place struct {
			here   string
			effect Effect
		}
		var places []place
		at := map[place][]Reach{}
		for _, r := range k.reached(k.module, s) {
			needed[r.Effect] = true
			if s.needs(r.Effect) || r.Handed != "" {
				continue
			}
			p := place{r.Here, r.Effect}
			if at[p] == nil {
				places = append(places, p)
			}
			at[p] = append(at[p], r)
		}
		for _, p := range places {
			r := at[p][0]
			what, verb := r.Builtin, "needs"
			if r.Pos != r.Here {
				what += " at " + r.Pos
			}
			if more := len(at[p]) - 1; more > 0 {
				what, verb = fmt.Sprintf("%s and %s", what, plural(int64(more), "other", "")), "need"
			}
			does := "calls"
			if r.value {
				does = "gets hold of" // and nobody can tell from the text whether it calls it
			}
			k.say("effect", p.here, fmt.Sprintf("step(%s, needs = [%q])", s.Name, p.effect), "step %s %s %s, which %s the effect %s", s.Name, does, what, verb, p.effect)
		}
		for _, e := range s.Needs {
			if !needed[e] {
				k.say("needless-effect", s.Pos, "request only what is done: a user reads it as what may happen", "step %s requests the effect %s, and calls nothing that needs it", s.Name, e)
			}
		}
	}
}

// dead finds statements behind one that ends their block.
func (k *checking) dead() {
	block := func(stmts []syntax.Stmt) {
		for i, s := range stmts[:max(len(stmts)-1, 0)] {
			if word := k.ends(s); word != "" {
				start, _ := stmts[i+1].Span()
				k.say("unreachable", position(start), "", "nothing gets here: %s comes before", word)
				return
			}
		}
	}
	syntax.Walk(k.module.syntax, func(n syntax.Node) bool {
		switch n := n.(type) {
		case *syntax.DefStmt:
			block(n.Body)
		case *syntax.IfStmt:
			block(n.True)
			block(n.False)
		case *syntax.ForStmt:
			block(n.Body)
		}
		return true
	})
}

// ends names the word by which a statement leaves its block, or is "".
func (k *checking) ends(s syntax.Stmt) string {
	switch s := s.(type) {
	case *syntax.ReturnStmt:
		return "return"
	case *syntax.BranchStmt:
		if s.Token != syntax.PASS {
			return s.Token.String()
		}
	case *syntax.ExprStmt:
		if call, ok := s.X.(*syntax.CallExpr); ok {
			if name := wordOf(call.Fn); name == "stop" || name == "fail" {
				return name + "()"
			}
		}
	}
	return ""
}

// unreached finds steps that no run comes to, and functions that nothing calls.
func (k *checking) unreached() {
	d := k.module.declared
	stop := ""
	for _, s := range d.steps {
		if stop != "" {
			k.say("unreachable", s.Pos, "", "step %s is never reached: %s", s.Name, stop)
		}
		def := k.page.defs[s.Name]
		if def == nil || position(def.Def) != s.Pos {
			continue // from another file
		}
		for _, stmt := range def.Body {
			if word := k.ends(stmt); word == "stop()" {
				start, _ := stmt.Span()
				stop = fmt.Sprintf("step %s always ends the recipe, at %s", s.Name, position(start))
			}
		}
	}
	mentioned := map[string]bool{}
	for _, s := range d.steps {
		mentioned[s.Name] = true
	}
	defined := map[*syntax.Ident]bool{}
	for _, def := range k.page.defs {
		defined[def.Name] = true
	}
	syntax.Walk(k.module.syntax, func(n syntax.Node) bool {
		if id, ok := n.(*syntax.Ident); ok && !defined[id] {
			mentioned[id.Name] = true
		}
		return true
	})
	for _, stmt := range k.module.syntax.Stmts {
		if def, ok := stmt.(*syntax.DefStmt); ok && !mentioned[def.Name.Name] {
			k.say("unreachable", position(def.Name.NamePos), "list it in steps, or remove it", "function %s is no step, and nothing calls it", def.Name.Name)
		}
	}
}
