package engine

import (
	"slices"
	"strings"

	"go.starlark.net/resolve"
	"go.starlark.net/starlark"
	"go.starlark.net/starlarkstruct"
	"go.starlark.net/syntax"
)

func (c *Checker) reacher(m *module, s Step) *reacher {
	return &reacher{
		Checker: c, home: m, files: c.closure(m), step: s, fields: c.callableFields(m),
		seen: map[visited]bool{}, called: map[calledFn]bool{}, values: map[starlark.Value]bool{}, dots: map[string]bool{},
	}
}

// reacher walks what a step can come to.
type reacher struct {
	*Checker
	home    *module
	files   []*module // it and all that it loads
	step    Step
	fields  map[string]bool
	seen    map[visited]bool
	called  map[calledFn]bool       // functions that were followed; two closures may share their code
	values  map[starlark.Value]bool // containers that this mention looked into: one may hold itself
	out     []Reach
	dots    map[string]bool // attributes that it calls and that only a run knows
	dynamic bool            // it calls what only a run knows
	shows   bool            // it can put a view into the stream
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
	pos   syntax.Position // of the last mention, in whatever file
	here  syntax.Position // of the last mention in the file of the recipe
	value bool            // not called on the spot: it may be handed on
}

// function walks the code of a function, and what it brought along from where
// it was made.
func (r *reacher) function(fn *starlark.Function, t trail) {
	if r.called[calledFn{fn, t.value}] {
		return
	}
	r.called[calledFn{fn, t.value}] = true
	if m := r.owner(fn); m != nil && m != r.home {
		r.borrow(m, fn, t)
		return
	}
	t.via = append(slices.Clone(t.via), fn.Name())
	for _, m := range r.files {
		if n := r.page(m).code[fn.Position()]; n != nil {
			r.code(m, n, t)
		}
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

// owner is the file that a function stands in.
func (r *reacher) owner(fn *starlark.Function) *module {
	for _, m := range r.files {
		if r.page(m).code[fn.Position()] != nil {
			return m
		}
	}
	return nil
}

// borrow takes over what a function of another file comes to. It is walked once
// for all that load the file: what differs between them is from where it was
// mentioned, and in which attributes a function that acts may lie.
func (r *reacher) borrow(m *module, fn *starlark.Function, t trail) {
	key := calledFn{fn, t.value}
	lent := r.lent[key]
	if lent == nil {
		lent = r.reacher(m, Step{})
		lent.function(fn, trail{value: t.value})
		r.lent[key] = lent
	}
	for _, e := range lent.out {
		if e.Pos == "" {
			e.Pos = position(t.pos) // what it brought along: it is mentioned where the function is
		}
		e.Here, e.Via = position(t.here), append(slices.Clone(t.via), e.Via...)
		r.add(e)
	}
	r.dynamic = r.dynamic || lent.dynamic
	r.shows = r.shows || lent.shows
	for name := range lent.dots {
		r.dot(name)
	}
}

// dot notes that an attribute is called whose value only a run knows.
func (r *reacher) dot(name string) {
	r.dots[name] = true
	r.dynamic = r.dynamic || r.fields == nil || r.fields[name]
}

// isLoaded reports whether a variable is a name that a load() brings.
func (r *reacher) isLoaded(pos syntax.Position) bool {
	for _, m := range r.files {
		for id := range r.page(m).loads {
			if id.NamePos == pos {
				return true
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
			if !r.named(m, n, t, true) {
				r.call(m, n, t)
			}
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
			r.dot(fn.Name.Name)
		case *syntax.Ident:
			b, ok := fn.Binding.(*resolve.Binding)
			r.dynamic = r.dynamic || !ok || b.Scope != resolve.Universal
		default:
			r.dynamic = true
		}
		r.walk(m, x.Fn, t)
	}
	if r.looksOnly(m, x) {
		return
	}
	for _, a := range x.Args {
		name, value := keyword(a)
		r.dynamic = r.dynamic || r.callsBack(m, x, name, value)
		r.walk(m, value, t)
	}
}

// looksOnly reports whether a word of the language makes of its arguments, and
// that without a call of them, only texts, numbers and lists of texts: dir(git)
// says what git has, and nobody can call that.
func (r *reacher) looksOnly(m *module, x *syntax.CallExpr) bool {
	id, ok := x.Fn.(*syntax.Ident)
	if !ok || len(x.Args) == 0 {
		return false
	}
	b, ok := id.Binding.(*resolve.Binding)
	if !ok || b.Scope != resolve.Universal || !slices.Contains([]string{"dir", "hasattr", "type", "str", "repr", "bool", "len"}, id.Name) {
		return false
	}
	for _, a := range x.Args {
		if _, known := r.resolve(m, a); !known {
			if _, literal := literalString(a); !literal {
				return false // it may call something to get there
			}
		}
	}
	return true
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
	row := r.rows[b]
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
	t.pos = start
	if m == r.home {
		t.here = t.pos
	}
	t.value = t.value || value
	outer := r.values
	r.values = map[starlark.Value]bool{} // each place that says its name leads there
	r.mention(v, t)
	r.values = outer
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
		return memberOf(x, e.Name.Name)
	case *syntax.CallExpr: // getattr(git, "repo") is git.repo
		id, ok := e.Fn.(*syntax.Ident)
		if !ok || id.Name != "getattr" || len(e.Args) != 2 {
			return nil, false
		}
		if b, ok := id.Binding.(*resolve.Binding); !ok || b.Scope != resolve.Universal {
			return nil, false
		}
		name, ok := fixedText(e.Args[1])
		x, known := c.resolve(m, e.Args[0])
		if !ok || !known {
			return nil, false
		}
		return memberOf(x, name)
	}
	return nil, false
}

// memberOf is an attribute of a value that is known before anything runs.
func memberOf(x starlark.Value, name string) (v starlark.Value, known bool) {
	switch x := x.(type) {
	case *starlarkstruct.Module:
		return x.Members[name], true // nil: what is not there does nothing
	case *starlarkstruct.Struct:
		if v, err := x.Attr(name); err == nil && v != nil {
			return v, true
		}
	}
	return nil, false
}

// fixedText is a text that is written out, perhaps in parts.
func fixedText(e syntax.Expr) (string, bool) {
	if b, ok := unparen(e).(*syntax.BinaryExpr); ok && b.Op == syntax.PLUS {
		x, okX := fixedText(b.X)
		y, okY := fixedText(b.Y)
		return x + y, okX && okY
	}
	return literalString(e)
}

// mention follows a value to every builtin that it holds.
func (r *reacher) mention(v starlark.Value, t trail) {
	inside := t
	inside.value = true
	switch v := v.(type) {
	case *starlark.Builtin:
		r.shows = r.shows || v == r.loader.words["show"]
		if v.Receiver() != nil {
			r.mention(v.Receiver(), inside)
		}
		row := r.rows[v]
		if row == nil || row.Effect == Looks {
			return
		}
		e := Reach{Effect: row.Effect, Builtin: row.Name, Here: position(t.here), Via: t.via, value: t.value}
		if t.pos.IsValid() { // else see borrow
			e.Pos = position(t.pos)
		}
		r.add(e)
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

// add notes an effect of the step, once for each place that mentions it.
func (r *reacher) add(e Reach) {
	for i := range r.out {
		if o := &r.out[i]; o.Builtin == e.Builtin && o.Pos == e.Pos {
			o.value = o.value || e.value
			return
		}
	}
	e.Step, e.Requested = r.step.Name, r.step.needs(e.Effect)
	r.out = append(r.out, e)
}

// once reports whether a container is met for the first time.
func (r *reacher) once(v starlark.Value) bool {
	if r.values[v] {
		return false
	}
	r.values[v] = true
	return true
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
