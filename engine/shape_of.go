package engine

import (
	"slices"

	"go.starlark.net/resolve"
	"go.starlark.net/starlark"
	"go.starlark.net/starlarkstruct"
	"go.starlark.net/syntax"
)

// shapeOf is what the text tells of an expression.
func (c *Checker) shapeOf(p *page, e syntax.Expr) shape {
	switch e := e.(type) {
	case *syntax.ParenExpr:
		return c.shapeOf(p, e.X)
	case *syntax.Literal:
		switch e.Token {
		case syntax.STRING:
			return only("string")
		case syntax.BYTES:
			return only("bytes")
		case syntax.INT:
			return only("int")
		case syntax.FLOAT:
			return only("float")
		}
	case *syntax.Ident:
		return c.shapeOfName(p, e)
	case *syntax.DotExpr:
		if v, ok := c.resolve(p.module, e); ok {
			return c.shapeOfValue(v)
		}
		return c.attr(c.shapeOf(p, e.X), e.Name.Name)
	case *syntax.CallExpr:
		return c.shapeOfCall(p, e)
	case *syntax.IndexExpr:
		x := c.shapeOf(p, e.X)
		if len(x) == 1 && x[0].kind == "dict" {
			return x[0].of
		}
		return x.element()
	case *syntax.SliceExpr:
		return c.shapeOf(p, e.X)
	case *syntax.CondExpr:
		return either(c.shapeOf(p, e.True), c.shapeOf(p, e.False))
	case *syntax.UnaryExpr:
		if e.Op == syntax.NOT {
			return only("bool")
		}
	case *syntax.BinaryExpr:
		return c.shapeOfOp(p, e)
	case *syntax.ListExpr:
		return shape{{kind: "list", of: c.shapeOfAll(p, e.List), empty: len(e.List) == 0}}
	case *syntax.DictExpr:
		return only("dict")
	case *syntax.Comprehension:
		if e.Curly {
			return nil
		}
		return listOf(c.shapeOf(p, e.Body))
	case *syntax.LambdaExpr:
		return shape{{kind: "function", of: c.shapeOf(p, e.Body), takes: signatureOf("lambda", e.Params)}}
	}
	return nil
}

func (c *Checker) shapeOfAll(p *page, list []syntax.Expr) shape {
	var out shape
	for i, x := range list {
		s := c.shapeOf(p, x)
		if i == 0 {
			out = s
			continue
		}
		out = either(out, s)
	}
	return out
}

func (c *Checker) shapeOfOp(p *page, e *syntax.BinaryExpr) shape {
	switch e.Op {
	case syntax.EQL, syntax.NEQ, syntax.LT, syntax.GT, syntax.LE, syntax.GE, syntax.IN, syntax.NOT_IN:
		return only("bool")
	case syntax.OR, syntax.AND:
		return either(c.shapeOf(p, e.X), c.shapeOf(p, e.Y))
	case syntax.PERCENT:
		if x := c.shapeOf(p, e.X); len(x) == 1 && x[0].kind == "string" {
			return only("string")
		}
	case syntax.PLUS:
		x, y := c.shapeOf(p, e.X), c.shapeOf(p, e.Y)
		if len(x) == 1 && len(y) == 1 && x[0].kind == y[0].kind {
			switch x[0].kind {
			case "string", "int":
				return only(x[0].kind)
			case "list":
				return listOf(either(x[0].of, y[0].of))
			}
		}
	}
	return nil
}

// shapeOfName is the shape of a variable: of all that is ever put into it.
func (c *Checker) shapeOfName(p *page, id *syntax.Ident) shape {
	b, ok := id.Binding.(*resolve.Binding)
	if !ok {
		return nil
	}
	switch b.Scope {
	case resolve.Universal:
		switch id.Name {
		case "None":
			return only("None")
		case "True", "False":
			return only("bool")
		}
		return nil
	case resolve.Predeclared:
		return c.shapeOfValue(c.loader.words[id.Name])
	}
	if from, ok := p.loads[b.First]; ok {
		return c.shapeOfGlobal(from)
	}
	if b.Scope == resolve.Global && p.defs[id.Name] != nil {
		return c.shapeOfDef(p, p.defs[id.Name])
	}
	return c.shapeOfVariable(p, b.First)
}

func (c *Checker) shapeOfGlobal(from loaded) shape {
	if from.module.syntax == nil {
		return nil
	}
	p := c.page(from.module)
	if def := p.defs[from.name]; def != nil {
		return c.shapeOfDef(p, def)
	}
	for id := range p.origins {
		if b, ok := id.Binding.(*resolve.Binding); ok && b.Scope == resolve.Global && id.Name == from.name {
			return c.shapeOfVariable(p, id)
		}
	}
	return nil
}

func (c *Checker) shapeOfVariable(p *page, id *syntax.Ident) shape {
	if id == nil || p.busy[id] {
		return nil
	}
	if s, ok := p.shapes[id]; ok {
		return s
	}
	p.busy[id] = true
	defer delete(p.busy, id)
	var out shape
	if param := p.params[id]; param != nil && len(p.origins[id]) == 1 {
		out = param()
	} else {
		for i, o := range p.origins[id] {
			var s shape
			if o.from != nil {
				if s = c.shapeOf(p, o.from); o.each {
					s = s.element()
				}
			}
			if i == 0 {
				out = s
				continue
			}
			out = either(out, s)
		}
	}
	out = c.grow(p, id, out)
	p.shapes[id] = out
	return out
}

// grow adds what is put into a variable's list after it was made.
func (c *Checker) grow(p *page, id *syntax.Ident, s shape) shape {
	added := p.grown[id]
	literal := slices.ContainsFunc(p.origins[id], func(o origin) bool { _, ok := o.from.(*syntax.ListExpr); return ok })
	if len(added) == 0 && (!p.lent[id] || !literal) {
		return s
	}
	s = slices.Clone(s)
	for i := range s {
		of, begun := s[i].of, !s[i].empty
		if p.lent[id] {
			of, begun = nil, true
		}
		for _, o := range added {
			var more shape
			if o.from != nil {
				if more = c.shapeOf(p, o.from); o.each {
					more = more.element()
				}
			}
			if !begun {
				of, begun = more, true
				continue
			}
			of = either(of, more)
		}
		s[i].of = of
	}
	return s
}

// shapeOfDef is a function of a file: what it takes, and what its returns say.
func (c *Checker) shapeOfDef(p *page, def *syntax.DefStmt) shape {
	return shape{{kind: "function", of: c.result(p, def), takes: signatureOf(def.Name.Name, def.Params)}}
}

func (c *Checker) result(p *page, def *syntax.DefStmt) shape {
	if s, ok := p.results[def]; ok {
		return s
	}
	if p.busy[def] {
		return nil
	}
	p.busy[def] = true
	defer delete(p.busy, def)
	var out shape
	begun := false
	for _, stmt := range def.Body {
		syntax.Walk(stmt, func(n syntax.Node) bool {
			switch n := n.(type) {
			case *syntax.DefStmt, *syntax.LambdaExpr:
				return false
			case *syntax.ReturnStmt:
				s := only("None")
				if n.Result != nil {
					s = c.shapeOf(p, n.Result)
				}
				if !begun {
					out, begun = s, true
					return true
				}
				out = either(out, s)
			}
			return true
		})
	}
	if !begun {
		out = only("None")
	}
	p.results[def] = out
	return out
}

// stepParams notes what the engine puts into the parameters of steps: the
// values of the recipe's parameters and of earlier steps.
func (c *Checker) stepParams(p *page) {
	d := p.module.declared
	if d == nil {
		return
	}
	results := map[string]func() shape{}
	for _, param := range d.params {
		s := kindShapes[param.Kind]
		results[param.Name] = func() shape { return s }
	}
	for _, s := range d.steps {
		def := p.defs[s.Name]
		if def == nil || position(def.Def) != s.Pos {
			continue // from another file
		}
		for _, param := range def.Params {
			switch param := param.(type) {
			case *syntax.Ident:
				p.params[firstOf(param)] = results[param.Name]
			case *syntax.BinaryExpr:
				if id, ok := param.X.(*syntax.Ident); ok && results[id.Name] != nil {
					given, instead := results[id.Name], param.Y
					p.params[firstOf(id)] = func() shape { return either(given(), c.shapeOf(p, instead)) }
				}
			}
		}
		results[s.Name] = func() shape { return c.result(p, def) }
	}
}

// kindShapes are the values of the recipe's own parameters.
var kindShapes = map[Kind]shape{
	KindString: only("string"), KindInt: only("int"), KindBool: only("bool"), KindDuration: only("duration"), KindRegexp: only("regexp"),
	KindChoice: only("string"), KindPath: either(only("string"), only("None")), KindPids: listOf(only("int")),
	KindList: listOf(only("string")), KindRest: listOf(only("string")),
}

// shapeOfValue is the shape of a word.
func (c *Checker) shapeOfValue(v starlark.Value) shape {
	switch v := v.(type) {
	case *starlark.Builtin:
		if row := c.rows[v]; row != nil {
			f := form{kind: "function", of: c.shapeOfText(row.Returns), takes: signatureOfRow(row)}
			if row.Name == "wchan" {
				for i := range f.of {
					f.of[i].wchan = f.of[i].kind == "string"
				}
			}
			return shape{f}
		}
		if w, ok := wordSignatures()[v.Name()]; ok {
			return shape{{kind: "function", of: w.returns, takes: w.takes}}
		}
	case *starlarkstruct.Module:
		return nil
	case starlark.String:
		return only("string")
	}
	return nil
}

func (c *Checker) shapeOfCall(p *page, e *syntax.CallExpr) shape {
	if id, ok := e.Fn.(*syntax.Ident); ok {
		b, known := id.Binding.(*resolve.Binding)
		switch {
		case known && b.Scope == resolve.Universal:
			return c.shapeOfUniversal(p, id.Name, e.Args)
		case known && b.Scope == resolve.Predeclared && id.Name == "struct":
			fields := map[string]shape{}
			for _, a := range e.Args {
				name, value := keyword(a)
				if name == "" {
					return nil
				}
				fields[name] = c.shapeOf(p, value)
			}
			return shape{{kind: "struct", fields: fields}}
		}
	}
	fn := c.shapeOf(p, e.Fn)
	if len(fn) == 1 && fn[0].kind == "function" {
		return fn[0].of
	}
	return nil
}

func (c *Checker) shapeOfUniversal(p *page, name string, args []syntax.Expr) shape {
	switch name {
	case "str", "repr", "type", "chr":
		return only("string")
	case "len", "int", "ord", "hash":
		return only("int")
	case "float":
		return only("float")
	case "bool", "hasattr", "any", "all":
		return only("bool")
	case "sorted", "list", "reversed":
		if len(args) > 0 {
			return listOf(c.shapeOf(p, args[0]).element())
		}
		return only("list")
	case "range":
		return listOf(only("int"))
	case "dict":
		return only("dict")
	case "set":
		return only("set")
	}
	return nil
}
