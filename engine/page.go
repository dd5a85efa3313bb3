package engine

import (
	"go.starlark.net/resolve"
	"go.starlark.net/syntax"
)

// page is an index of one file's text: where its names come from, and where
// its functions stand.
type page struct {
	module   *module
	defs     map[string]*syntax.DefStmt      // of the top level
	code     map[syntax.Position]syntax.Node // every def and lambda, by its first word
	fields   map[string]bool                 // that it gives to structs
	anyField bool                            // it makes structs whose fields nobody can tell
	loads    map[*syntax.Ident]loaded        // names that load() brings, by their first mention
	origins  map[*syntax.Ident][]origin      // what is put into a variable, by its first mention
	grown    map[*syntax.Ident][]origin      // what is added to a variable's list later
	lent     map[*syntax.Ident]bool          // variables that are handed to a function, which may change a list
	shapes   map[*syntax.Ident]shape         // of variables, once asked for
	results  map[*syntax.DefStmt]shape       // of functions, once asked for
	busy     map[syntax.Node]bool            // being asked for: who asks again gets "unknown"
	params   map[*syntax.Ident]func() shape  // of steps: what the engine puts there
	given    map[*syntax.Ident]bool          // variables that get a value in another way than by +=
	sites    []callSite                      // see callSites; nil: not asked for yet
}

// loaded is a name of another file.
type loaded struct {
	module *module
	name   string
}

// origin is one way in which a variable gets its value.
type origin struct {
	from syntax.Expr // nil: not known
	each bool        // one element of it
}

// page indexes a file once.
func (c *Checker) page(m *module) *page {
	if p, ok := c.pages[m]; ok {
		return p
	}
	p := &page{
		module: m, fields: map[string]bool{}, defs: map[string]*syntax.DefStmt{}, code: map[syntax.Position]syntax.Node{}, loads: map[*syntax.Ident]loaded{},
		origins: map[*syntax.Ident][]origin{}, grown: map[*syntax.Ident][]origin{}, lent: map[*syntax.Ident]bool{}, shapes: map[*syntax.Ident]shape{},
		results: map[*syntax.DefStmt]shape{}, busy: map[syntax.Node]bool{}, params: map[*syntax.Ident]func() shape{},
		given: map[*syntax.Ident]bool{},
	}
	c.pages[m] = p
	for _, stmt := range m.syntax.Stmts {
		switch stmt := stmt.(type) {
		case *syntax.DefStmt:
			p.defs[stmt.Name.Name] = stmt
		case *syntax.LoadStmt:
			key, err := c.loader.find(m.moduleKey, stmt.ModuleName())
			if from := c.loader.modules[key]; err == nil && from != nil {
				for i, to := range stmt.To {
					p.loads[firstOf(to)] = loaded{from, stmt.From[i].Name}
				}
			}
		}
	}
	syntax.Walk(m.syntax, func(n syntax.Node) bool { p.index(n); return true })
	p.structs()
	c.stepParams(p)
	return p
}

// structs notes which fields structs get.
func (p *page) structs() {
	callee := map[*syntax.Ident]bool{} // of a call that names its arguments
	syntax.Walk(p.module.syntax, func(n syntax.Node) bool {
		switch n := n.(type) {
		case *syntax.CallExpr:
			id, ok := n.Fn.(*syntax.Ident)
			if !ok || id.Name != "struct" {
				return true
			}
			callee[id] = true
			for _, a := range n.Args {
				if name, _ := keyword(a); name != "" {
					p.fields[name] = true
				} else {
					p.anyField = true
				}
			}
		case *syntax.Ident:
			if n.Name == "struct" && !callee[n] {
				p.anyField = true
			}
		}
		return true
	})
}

func (p *page) index(n syntax.Node) {
	switch n := n.(type) {
	case *syntax.DefStmt:
		p.code[n.Def] = n
		p.given[firstOf(n.Name)] = true
		p.origins[firstOf(n.Name)] = append(p.origins[firstOf(n.Name)], origin{}) // see Checker.shapeOfName
		p.takeParams(n.Params)
	case *syntax.LambdaExpr:
		p.code[n.Lambda] = n
		p.takeParams(n.Params)
	case *syntax.AssignStmt:
		if n.Op == syntax.EQ {
			p.assign(n.LHS, origin{from: n.RHS})
			return
		}
		if id, ok := unparen(n.LHS).(*syntax.Ident); ok { // not assign: it has no value by this
			p.origins[firstOf(id)] = append(p.origins[firstOf(id)], origin{})
		} else {
			p.assign(n.LHS, origin{})
		}
		p.grow(n.LHS, origin{})
	case *syntax.ForStmt:
		p.assign(n.Vars, origin{from: n.X, each: true})
	case *syntax.ForClause:
		p.assign(n.Vars, origin{from: n.X, each: true})
	case *syntax.CallExpr:
		p.call(n)
	}
}

// call notes which lists a call changes, or may.
func (p *page) call(n *syntax.CallExpr) {
	dot, method := n.Fn.(*syntax.DotExpr)
	if method {
		switch dot.Name.Name {
		case "append":
			p.growBy(dot.X, n.Args, false)
		case "extend":
			p.growBy(dot.X, n.Args, true)
		case "insert", "add", "update", "setdefault":
			p.grow(dot.X, origin{})
		}
	}
	if id, ok := n.Fn.(*syntax.Ident); ok {
		if b, ok := id.Binding.(*resolve.Binding); ok && (b.Scope == resolve.Universal || b.Scope == resolve.Predeclared) {
			return // words keep their hands off
		}
	}
	for _, a := range n.Args {
		_, value := keyword(a)
		if id, ok := value.(*syntax.Ident); ok {
			p.lent[firstOf(id)] = true
		}
	}
}

func (p *page) growBy(x syntax.Expr, args []syntax.Expr, each bool) {
	if len(args) == 1 {
		p.grow(x, origin{from: args[0], each: each})
		return
	}
	p.grow(x, origin{})
}

func (p *page) takeParams(params []syntax.Expr) {
	for _, param := range params {
		switch param := param.(type) {
		case *syntax.Ident:
			p.assign(param, origin{})
		case *syntax.BinaryExpr: // with a default
			p.assign(param.X, origin{})
		case *syntax.UnaryExpr: // *args
			p.assign(param.X, origin{})
		}
	}
}

func (p *page) assign(to syntax.Expr, from origin) {
	switch to := unparen(to).(type) {
	case *syntax.Ident:
		p.given[firstOf(to)] = true
		p.origins[firstOf(to)] = append(p.origins[firstOf(to)], from)
	case *syntax.TupleExpr:
		p.assignAll(to.List, from)
	case *syntax.ListExpr:
		p.assignAll(to.List, from)
	case *syntax.IndexExpr:
		p.grow(to.X, origin{})
	}
}

// assignAll is x, y = …: each its own where both sides are written out.
func (p *page) assignAll(to []syntax.Expr, from origin) {
	pair, ok := from.from.(*syntax.TupleExpr)
	for i, x := range to {
		if ok && !from.each && len(pair.List) == len(to) {
			p.assign(x, origin{from: pair.List[i]})
			continue
		}
		p.assign(x, origin{})
	}
}

func (p *page) grow(x syntax.Expr, by origin) {
	if id, ok := unparen(x).(*syntax.Ident); ok {
		p.grown[firstOf(id)] = append(p.grown[firstOf(id)], by)
	}
}

// firstOf is the mention that all mentions of one variable share.
func firstOf(id *syntax.Ident) *syntax.Ident {
	if b, ok := id.Binding.(*resolve.Binding); ok && b.First != nil {
		return b.First
	}
	return id
}
