package engine

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"go.starlark.net/resolve"
	"go.starlark.net/starlark"
	"go.starlark.net/starlarkstruct"
	"go.starlark.net/syntax"
)

// found is a word of the text and what it stands in, innermost last.
type found struct {
	id     *syntax.Ident
	load   *syntax.LoadStmt // it is the path of this one; id is nil then
	within []syntax.Node
}

func (f *found) parent(up int) syntax.Node {
	if i := len(f.within) - up; i >= 0 {
		return f.within[i]
	}
	return nil
}

// at finds the identifier at a place, or the path of a load(); nil when there is
// none.
func (r *reading) at(line, column int) *found {
	var out *found
	var within []syntax.Node
	covers := func(pos syntax.Position, width int) bool {
		return int(pos.Line) == line && int(pos.Col) <= column && column <= int(pos.Col)+width
	}
	syntax.Walk(r.module.syntax, func(n syntax.Node) bool {
		if n == nil {
			within = within[:len(within)-1]
			return true
		}
		switch n := n.(type) {
		case *syntax.Ident:
			if covers(n.NamePos, len(n.Name)) && out == nil {
				out = &found{id: n, within: slices.Clone(within)}
			}
		case *syntax.LoadStmt:
			if covers(n.Module.TokenPos, len(n.Module.Raw)) && out == nil {
				out = &found{load: n}
			}
		}
		within = append(within, n)
		return true
	})
	return out
}

// member is the DotExpr of which the word is the attribute; nil when it is none.
func (f *found) member() *syntax.DotExpr {
	if d, ok := f.parent(1).(*syntax.DotExpr); ok && d.Name == f.id {
		return d
	}
	return nil
}

// argument is the call of which the word names an argument; nil when it names
// none.
func (f *found) argument() *syntax.CallExpr {
	b, ok := f.parent(1).(*syntax.BinaryExpr)
	if !ok || b.Op != syntax.EQ || b.X != f.id {
		return nil
	}
	call, _ := f.parent(2).(*syntax.CallExpr)
	if call == nil || !slices.Contains(call.Args, syntax.Expr(b)) {
		return nil
	}
	return call
}

// source is where a variable comes from: the file, and its first mention there.
type source struct {
	module *module
	id     *syntax.Ident
	def    *syntax.DefStmt // when it is a function of the top level
}

// sourceOf follows a name to where it is defined, also through load(); nil for a
// word, and for what nothing defines.
func (r *reading) sourceOf(id *syntax.Ident) *source {
	b, ok := id.Binding.(*resolve.Binding)
	if !ok || b.First == nil {
		return nil
	}
	if from, ok := r.page.loads[b.First]; ok {
		return r.exported(from)
	}
	s := &source{module: r.module, id: b.First}
	if b.Scope == resolve.Global {
		if s.def = r.page.defs[id.Name]; s.def != nil {
			s.id = s.def.Name
		}
	}
	return s
}

// exported is where a name of another file is defined.
func (r *reading) exported(from loaded) *source {
	for range 16 { // a file may hand on what it loaded
		if from.module.syntax == nil {
			return nil
		}
		p := r.Checker.page(from.module)
		if def := p.defs[from.name]; def != nil {
			return &source{module: from.module, id: def.Name, def: def}
		}
		var next *loaded
		for _, stmt := range from.module.syntax.Stmts {
			switch stmt := stmt.(type) {
			case *syntax.AssignStmt:
				for _, id := range assigned(stmt.LHS) {
					if id.Name == from.name {
						return &source{module: from.module, id: id}
					}
				}
			case *syntax.LoadStmt:
				for _, to := range stmt.To {
					if l, ok := p.loads[firstOf(to)]; ok && to.Name == from.name {
						next = &l
					}
				}
			}
		}
		if next == nil {
			return nil
		}
		from = *next
	}
	return nil
}

// assigned are the names in the left side of an assignment.
func assigned(e syntax.Expr) []*syntax.Ident {
	var out []*syntax.Ident
	switch e := unparen(e).(type) {
	case *syntax.Ident:
		out = append(out, e)
	case *syntax.TupleExpr:
		for _, x := range e.List {
			out = append(out, assigned(x)...)
		}
	case *syntax.ListExpr:
		for _, x := range e.List {
			out = append(out, assigned(x)...)
		}
	}
	return out
}

// paramIdents are the parameters of a function, without their defaults.
func paramIdents(params []syntax.Expr) []*syntax.Ident {
	var out []*syntax.Ident
	for _, p := range params {
		switch p := p.(type) {
		case *syntax.Ident:
			out = append(out, p)
		case *syntax.BinaryExpr:
			out = append(out, assigned(p.X)...)
		case *syntax.UnaryExpr:
			if id, ok := p.X.(*syntax.Ident); ok {
				out = append(out, id)
			}
		}
	}
	return out
}

// inputOf is the step of which the word is a parameter, so that the engine puts
// a value into it; nil otherwise.
func (r *reading) inputOf(f *found) *Step {
	if r.module.declared == nil {
		return nil
	}
	for i := len(f.within) - 1; i >= 0; i-- {
		def, ok := f.within[i].(*syntax.DefStmt)
		if !ok || !slices.Contains(paramIdents(def.Params), f.id) {
			continue
		}
		for j, s := range r.module.declared.steps {
			if s.Name == def.Name.Name && s.Pos == position(def.Def) {
				return &r.module.declared.steps[j]
			}
		}
	}
	return nil
}

// rowOf is the row of the reference for a word; nil when it has none.
func (c *Checker) rowOf(name string, v starlark.Value) *Builtin {
	if b, ok := v.(*starlark.Builtin); ok {
		if row := c.rows[b]; row != nil {
			return row
		}
		name = b.Name()
	}
	return wordRows()[name]
}

var wordRows = sync.OnceValue(func() map[string]*Builtin {
	rows := map[string]*Builtin{}
	for _, w := range Words() {
		rows[w.Name] = &w
	}
	return rows
})

// shapeText says a shape as the reference words types; "" when it is not known.
func shapeText(s shape) string {
	var words []string
	for _, f := range s {
		word := f.kind
		switch {
		case f.kind == "list" && len(f.of) > 0:
			word = "list of " + shapeText(f.of)
		case f.kind == "struct" && len(f.fields) > 0:
			var names []string
			for name := range f.fields {
				names = append(names, name)
			}
			slices.Sort(names)
			word = "struct(" + strings.Join(names, ", ") + ")"
		}
		if !slices.Contains(words, word) {
			words = append(words, word)
		}
	}
	return strings.Join(words, " or ")
}

// defText is the first line of a function, as it is written.
func defText(def *syntax.DefStmt) string {
	var params []string
	for _, p := range def.Params {
		switch p := p.(type) {
		case *syntax.Ident:
			params = append(params, p.Name)
		case *syntax.BinaryExpr:
			if id, ok := p.X.(*syntax.Ident); ok {
				params = append(params, fmt.Sprintf("%s = %s", id.Name, literalText(p.Y)))
			}
		case *syntax.UnaryExpr:
			star := p.Op.String()
			if id, ok := p.X.(*syntax.Ident); ok {
				star += id.Name
			}
			params = append(params, star)
		}
	}
	return fmt.Sprintf("def %s(%s)", def.Name.Name, strings.Join(params, ", "))
}

func literalText(e syntax.Expr) string {
	switch e := e.(type) {
	case *syntax.Literal:
		return e.Raw
	case *syntax.Ident:
		return e.Name
	case *syntax.ListExpr:
		if len(e.List) == 0 {
			return "[]"
		}
	case *syntax.DictExpr:
		if len(e.List) == 0 {
			return "{}"
		}
	}
	return "…"
}

// defDoc is the docstring of a function.
func defDoc(def *syntax.DefStmt) string {
	return cleanDoc(fileDoc(&syntax.File{Stmts: def.Body}))
}

func modulePage(m *starlarkstruct.Module) string {
	return fmt.Sprintf("module `%s`: %s", m.Name, strings.Join(m.AttrNames(), ", "))
}
