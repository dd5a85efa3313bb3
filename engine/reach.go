package engine

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"go.starlark.net/resolve"
	"go.starlark.net/starlark"
	"go.starlark.net/starlarkstruct"
	"go.starlark.net/syntax"
)

// Reach is one effect that a step can have, as far as the text tells. What is
// reached may never be called; what is called is always among what is reached.
//
// The files are loaded and their values frozen, so an alias, a dict of builtins
// or a closure at the top level is a value to look into. Within a function
// every mention of a builtin counts, called or not.
type Reach struct {
	Step      string   `json:"step"`
	Effect    Effect   `json:"effect"`
	Builtin   string   `json:"builtin"`
	Pos       string   `json:"pos"`              // of the mention: "lib/gate.star:12:5"
	Here      string   `json:"here"`             // where the checked file leads there; Pos when it is in that file itself
	Via       []string `json:"via"`              // the functions on the way, the step's own first
	Handed    string   `json:"handed,omitempty"` // the earlier step whose value may hold the function that acts; "" = the step reaches it itself
	Requested bool     `json:"requested"`        // the step asks for that effect

	value bool // it may leave the step within what the step returns
}

// Reaches lists statically every effect that the steps of a recipe's file can
// have, in the order of the steps. Errors: those of Library.Find.
func (c *Checker) Reaches(ctx context.Context, file string) ([]Reach, error) {
	place, err := c.lib.locateFile(file)
	if err != nil {
		return nil, err
	}
	m, err := c.loader.open(ctx, place)
	switch {
	case err != nil:
		return nil, err
	case m.declared == nil:
		return nil, fmt.Errorf("%s: %w", m.shown, ErrNoRecipe)
	}
	out := []Reach{}
	for _, s := range m.declared.steps {
		out = append(out, c.reached(m, s)...)
	}
	return out, nil
}

// reached is what one step can reach: what it mentions, and, if it calls
// functions that only a run knows, what earlier steps may have handed to it.
func (c *Checker) reached(m *module, s Step) []Reach {
	out, dynamic := c.mentions(m, s)
	if !dynamic {
		return out
	}
	for _, from := range suppliers(m.declared.steps, s) {
		mentioned, _ := c.mentions(m, from)
		for _, r := range mentioned {
			if r.value && !slices.ContainsFunc(out, func(o Reach) bool { return o.Builtin == r.Builtin && o.Pos == r.Pos }) {
				r.Step, r.Handed, r.Requested = s.Name, from.Name, s.needs(r.Effect)
				out = append(out, r)
			}
		}
	}
	return out
}

// suppliers are the earlier steps whose values come to s, also by way of others.
func suppliers(steps []Step, s Step) []Step {
	var out []Step
	wanted := map[string]bool{}
	add := func(s Step) {
		for _, in := range s.Inputs {
			wanted[in.Name] = true
		}
	}
	add(s)
	at := slices.IndexFunc(steps, func(x Step) bool { return x.Name == s.Name })
	for i := at - 1; i >= 0; i-- {
		if wanted[steps[i].Name] {
			out = append(out, steps[i])
			add(steps[i])
		}
	}
	slices.Reverse(out)
	return out
}

func (c *Checker) mentions(m *module, s Step) (out []Reach, dynamic bool) {
	r := &reacher{Checker: c, home: m, step: s, seen: map[visited]bool{}, called: map[calledFn]bool{}, values: map[starlark.Value]bool{}, fields: c.callableFields()}
	r.function(s.fn, trail{})
	return r.out, r.dynamic
}

// callableFields are the attributes in which some value may hold a function
// that acts: those that any file gives to a struct, and the members of modules.
// nil: any attribute may.
func (c *Checker) callableFields() map[string]bool {
	fields := map[string]bool{}
	for _, b := range c.lib.Builtins {
		if _, member, ok := strings.Cut(b.Name, "."); ok && b.Effect != Looks {
			fields[member] = true
		}
	}
	for _, m := range c.loader.modules {
		if m.syntax == nil {
			continue
		}
		named := map[*syntax.Ident]bool{} // as the callee of a call whose arguments have names
		anything := false
		syntax.Walk(m.syntax, func(n syntax.Node) bool {
			switch n := n.(type) {
			case *syntax.CallExpr:
				id, ok := n.Fn.(*syntax.Ident)
				if !ok || id.Name != "struct" {
					return true
				}
				named[id] = true
				for _, a := range n.Args {
					if name, _ := keyword(a); name != "" {
						fields[name] = true
					} else {
						anything = true
					}
				}
			case *syntax.Ident:
				if n.Name == "struct" && !named[n] {
					anything = true
				}
			}
			return true
		})
		if anything {
			return nil
		}
	}
	return fields
}

// keyword takes a named argument apart; "" for a positional one and for *args.
func keyword(arg syntax.Expr) (string, syntax.Expr) {
	if b, ok := arg.(*syntax.BinaryExpr); ok && b.Op == syntax.EQ {
		if id, ok := b.X.(*syntax.Ident); ok {
			return id.Name, b.Y
		}
	}
	return "", arg
}

// reacher walks what a step can come to.
type reacher struct {
	*Checker
	home    *module
	step    Step
	fields  map[string]bool
	seen    map[visited]bool
	called  map[calledFn]bool       // functions that were followed; two closures may share their code
	values  map[starlark.Value]bool // containers that were looked into
	out     []Reach
	dynamic bool // it calls what only a run knows

	sought starlark.Value // a word that is looked for; nil = none
	found  bool           // it was met
}

type calledFn struct {
	fn    *starlark.Function
	value bool
}

type visited struct {
	code  syntax.Node
	value bool
}

// trail is how the walk came to where it is.
type trail struct {
	via   []string
	pos   string // of the last mention, in whatever file
	here  string // of the last mention in the file of the recipe
	value bool   // not called on the spot: it may be handed on
}

// function walks the code of a function, and what it brought along from where
// it was made.
func (r *reacher) function(fn *starlark.Function, t trail) {
	if r.called[calledFn{fn, t.value}] {
		return
	}
	r.called[calledFn{fn, t.value}] = true
	t.via = append(slices.Clone(t.via), fn.Name())
	for _, c := range r.codeAt(position(fn.Position())) {
		r.code(c.module, c.node, t)
	}
	t.value = true
	for i := range fn.NumParams() {
		if v := fn.ParamDefault(i); v != nil {
			r.mention(v, t)
		}
	}
	for i := range fn.NumFreeVars() {
		b, v := fn.FreeVar(i)
		if v != nil && !r.isLoaded(b.Pos) { // what was loaded is met where the code says its name
			r.mention(v, t)
		}
	}
}

type codeNode struct {
	module *module
	node   syntax.Node // *syntax.DefStmt or *syntax.LambdaExpr
}

// codeAt is the function that begins there. Two roots may show two files by one
// name: then both are meant.
func (c *Checker) codeAt(pos string) []codeNode {
	var out []codeNode
	for _, m := range c.loader.modules {
		if m.syntax != nil && m.shown == filePart(pos) {
			if n := c.page(m).code[pos]; n != nil {
				out = append(out, codeNode{m, n})
			}
		}
	}
	return out
}

func (c *Checker) isLoaded(pos syntax.Position) bool {
	for _, m := range c.loader.modules {
		if m.syntax != nil && m.shown == pos.Filename() {
			for id := range c.page(m).loads {
				if id.NamePos == pos {
					return true
				}
			}
		}
	}
	return false
}

// code walks the text of a function. Functions within it are values: whoever
// gets them may call them.
func (r *reacher) code(m *module, n syntax.Node, t trail) {
	if r.seen[visited{n, t.value}] || r.seen[visited{n, true}] {
		return
	}
	r.seen[visited{n, t.value}] = true
	switch n := n.(type) {
	case *syntax.DefStmt: // not its own name, which is no mention
		for _, p := range n.Params {
			r.walk(m, p, t)
		}
		for _, s := range n.Body {
			r.walk(m, s, t)
		}
	case *syntax.LambdaExpr:
		for _, p := range n.Params {
			r.walk(m, p, t)
		}
		r.walk(m, n.Body, t)
	}
}

func (r *reacher) walk(m *module, root syntax.Node, t trail) {
	syntax.Walk(root, func(n syntax.Node) bool {
		switch n := n.(type) {
		case *syntax.DefStmt, *syntax.LambdaExpr:
			inner := t
			inner.value = true
			r.code(m, n, inner)
			return false
		case *syntax.CallExpr:
			r.call(m, n, t)
			return false
		case syntax.Expr:
			return !r.named(m, n, t, true)
		}
		return true
	})
}

// call walks a call: its function by what it is, its arguments as any code.
func (r *reacher) call(m *module, x *syntax.CallExpr, t trail) {
	if !r.named(m, x.Fn, t, false) {
		switch fn := unparen(x.Fn).(type) {
		case *syntax.DotExpr:
			r.dynamic = r.dynamic || r.fields == nil || r.fields[fn.Name.Name]
		case *syntax.Ident:
			b, ok := fn.Binding.(*resolve.Binding)
			r.dynamic = r.dynamic || !ok || b.Scope != resolve.Universal
		default:
			r.dynamic = true
		}
		r.walk(m, x.Fn, t)
	}
	for _, a := range x.Args {
		name, value := keyword(a)
		r.dynamic = r.dynamic || r.callsBack(m, x, name, value)
		r.walk(m, value, t)
	}
}

// callsBack reports whether a builtin may call an argument that only a run
// knows.
func (r *reacher) callsBack(m *module, x *syntax.CallExpr, name string, value syntax.Expr) bool {
	if u, ok := value.(*syntax.UnaryExpr); ok && (u.Op == syntax.STAR || u.Op == syntax.STARSTAR) {
		return true
	}
	if _, ok := value.(*syntax.LambdaExpr); ok {
		return false
	}
	if v, _ := r.resolve(m, value); v != nil {
		return false // it is walked where it is said
	}
	if id, ok := x.Fn.(*syntax.Ident); ok && name == "key" {
		b, known := id.Binding.(*resolve.Binding)
		return known && b.Scope == resolve.Universal
	}
	v, _ := r.resolve(m, x.Fn)
	b, ok := v.(*starlark.Builtin)
	if !ok {
		return false
	}
	row := r.loader.row(b)
	if row == nil {
		return false
	}
	for _, p := range row.Params {
		if strings.HasPrefix(p.Type, "function") && (name == "" || name == p.Name) {
			switch value.(type) {
			case *syntax.Literal, *syntax.ListExpr, *syntax.DictExpr, *syntax.BinaryExpr:
			default:
				return true
			}
		}
	}
	return false
}

// named follows an expression that names a value known before anything runs. It
// reports whether it is one.
func (r *reacher) named(m *module, e syntax.Expr, t trail, value bool) bool {
	v, known := r.resolve(m, e)
	if !known {
		return false
	}
	if v == nil {
		return true
	}
	start, _ := e.Span()
	t.pos = position(start)
	if m == r.home {
		t.here = t.pos
	}
	t.value = t.value || value
	r.mention(v, t)
	return true
}

// resolve is the value of a name, or of an attribute of one, that is known
// before anything runs.
func (c *Checker) resolve(m *module, e syntax.Expr) (v starlark.Value, known bool) {
	switch e := e.(type) {
	case *syntax.ParenExpr:
		return c.resolve(m, e.X)
	case *syntax.Ident:
		b, ok := e.Binding.(*resolve.Binding)
		if !ok {
			return nil, false
		}
		switch b.Scope {
		case resolve.Global:
			v, known = m.globals[e.Name]
			return v, known
		case resolve.Predeclared:
			v, known = c.loader.words[e.Name]
			return v, known
		case resolve.Local, resolve.Cell, resolve.Free:
			if from, ok := c.page(m).loads[b.First]; ok {
				v, known = from.module.globals[from.name]
				return v, known
			}
		}
	case *syntax.DotExpr:
		x, known := c.resolve(m, e.X)
		if !known {
			return nil, false
		}
		switch x := x.(type) {
		case *starlarkstruct.Module:
			return x.Members[e.Name.Name], true // nil: what is not there does nothing
		case *starlarkstruct.Struct:
			if v, err := x.Attr(e.Name.Name); err == nil && v != nil {
				return v, true
			}
		}
	}
	return nil, false
}

// mention follows a value to every builtin that it holds.
func (r *reacher) mention(v starlark.Value, t trail) {
	inside := t
	inside.value = true
	switch v := v.(type) {
	case *starlark.Builtin:
		r.found = r.found || v == r.sought
		if v.Receiver() != nil {
			r.mention(v.Receiver(), inside)
		}
		row := r.loader.row(v)
		if row == nil || row.Effect == Looks {
			return
		}
		for i := range r.out {
			if o := &r.out[i]; o.Builtin == row.Name && o.Pos == t.pos {
				o.value = o.value || t.value
				return
			}
		}
		r.out = append(r.out, Reach{
			Step: r.step.Name, Effect: row.Effect, Builtin: row.Name, Pos: t.pos, Here: t.here,
			Via: t.via, Requested: r.step.needs(row.Effect), value: t.value,
		})
	case *starlark.Function:
		r.function(v, t)
	case *starlarkstruct.Module:
		for _, name := range v.Members.Keys() {
			r.mention(v.Members[name], inside)
		}
	case *starlarkstruct.Struct:
		for _, name := range v.AttrNames() {
			if x, err := v.Attr(name); err == nil {
				r.mention(x, inside)
			}
		}
	case *starlark.Dict:
		if r.once(v) {
			for _, item := range v.Items() {
				r.mention(item[0], inside)
				r.mention(item[1], inside)
			}
		}
	case *starlark.List:
		if r.once(v) {
			for x := range starlark.Elements(v) {
				r.mention(x, inside)
			}
		}
	case starlark.Tuple:
		for _, x := range v {
			r.mention(x, inside)
		}
	case *starlark.Set:
		if r.once(v) {
			for x := range starlark.Elements(v) {
				r.mention(x, inside)
			}
		}
	}
}

// once reports whether a container is met for the first time from here: it may
// hold itself.
func (r *reacher) once(v starlark.Value) bool {
	if r.values[v] {
		return false
	}
	r.values[v] = true
	return true
}

// row is the row of the table behind a word; nil for one of the language.
func (l *loader) row(b *starlark.Builtin) *Builtin {
	for i := range l.lib.Builtins {
		row := &l.lib.Builtins[i]
		space, name, dotted := strings.Cut(row.Name, ".")
		v := l.words[space]
		if m, ok := v.(*starlarkstruct.Module); ok && dotted {
			v = m.Members[name]
		}
		if v == b {
			return row
		}
	}
	return nil
}

func unparen(e syntax.Expr) syntax.Expr {
	for {
		p, ok := e.(*syntax.ParenExpr)
		if !ok {
			return e
		}
		e = p.X
	}
}
