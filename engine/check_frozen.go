package engine

import (
	"slices"

	"go.starlark.net/resolve"
	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
)

// changers are the methods that change what they are called on.
var changers = map[string][]string{
	"list": {"append", "clear", "extend", "insert", "pop", "remove"},
	"dict": {"clear", "pop", "popitem", "setdefault", "update"},
	"set":  {"add", "clear", "discard", "pop", "remove", "update"},
}

// frozen finds functions that change a list, dict or set of the top level: it is
// frozen by the time that a step runs. What the top level itself calls may.
func (k *checking) frozen() {
	early := k.calledEarly()
	for _, n := range k.page.code {
		def, ok := n.(*syntax.DefStmt)
		if !ok {
			continue
		}
		k.strangers(def)
		if !early[def] {
			k.changes(def)
		}
	}
}

// calledEarly are the functions that may run before the file is loaded: whatever
// the top level mentions, unless it is handed to recipe or step, and what these
// call; and those within functions, of which nobody knows who calls them.
func (k *checking) calledEarly() map[*syntax.DefStmt]bool {
	early := map[*syntax.DefStmt]bool{}
	var mentioned func(n syntax.Node) bool
	mentioned = func(n syntax.Node) bool {
		switch n := n.(type) {
		case *syntax.DefStmt:
			return false
		case *syntax.CallExpr:
			if word := wordOf(n.Fn); word == "recipe" || word == "step" {
				for _, a := range n.Args {
					if _, value := keyword(a); !k.namesSteps(value) {
						syntax.Walk(value, mentioned)
					}
				}
				return false
			}
		case *syntax.Ident:
			if b, ok := n.Binding.(*resolve.Binding); ok && b.Scope == resolve.Global && k.page.defs[n.Name] != nil {
				early[k.page.defs[n.Name]] = true
			}
		}
		return true
	}
	for _, stmt := range k.module.syntax.Stmts {
		if _, ok := stmt.(*syntax.DefStmt); !ok {
			syntax.Walk(stmt, mentioned)
		}
	}
	for _, n := range k.page.code {
		if def, ok := n.(*syntax.DefStmt); ok && k.page.defs[def.Name.Name] != def {
			early[def] = true
		}
	}
	for grown := true; grown; {
		grown = false
		for _, s := range k.page.callSites() {
			if early[s.from] && !early[s.to] {
				early[s.to], grown = true, true
			}
		}
	}
	return early
}

// namesSteps reports whether an expression is a function, or a list of such,
// which recipe and step keep and do not call.
func (k *checking) namesSteps(e syntax.Expr) bool {
	switch e := unparen(e).(type) {
	case *syntax.Ident:
		return true
	case *syntax.ListExpr:
		return !slices.ContainsFunc(e.List, func(x syntax.Expr) bool { _, ok := unparen(x).(*syntax.Ident); return !ok })
	}
	return false
}

// changes says where a function changes what is frozen.
func (k *checking) changes(def *syntax.DefStmt) {
	say := func(x syntax.Expr, kind string) {
		start, _ := x.Span()
		k.say("frozen", position(start), "make one in the step, and return it: later steps take it by the step's name", "the %s is of the top level, which no step can change", kind)
	}
	for _, stmt := range def.Body {
		syntax.Walk(stmt, func(n syntax.Node) bool {
			switch n := n.(type) {
			case *syntax.DefStmt, *syntax.LambdaExpr:
				return false
			case *syntax.CallExpr:
				dot, ok := n.Fn.(*syntax.DotExpr)
				if !ok {
					return true
				}
				if kind := k.container(dot.X); kind != "" && slices.Contains(changers[kind], dot.Name.Name) {
					say(dot.X, kind)
				}
			case *syntax.AssignStmt:
				if at, ok := unparen(n.LHS).(*syntax.IndexExpr); ok {
					if kind := k.container(at.X); kind != "" {
						say(at.X, kind)
					}
				}
			}
			return true
		})
	}
}

// container is the kind of list, dict or set that a name of the top level, of
// this file or of one that it loads, stands for; "" for all else.
func (k *checking) container(e syntax.Expr) string {
	v, _ := k.resolve(k.module, e)
	switch v.(type) {
	case *starlark.List, *starlark.Dict, *starlark.Set:
		return v.Type()
	}
	return ""
}

// strangers finds x += 1 in a function that gives x no value in any other way:
// it is a variable of the function, also where the top level has one of that
// name.
func (k *checking) strangers(def *syntax.DefStmt) {
	said := map[*syntax.Ident]bool{}
	for _, stmt := range def.Body {
		syntax.Walk(stmt, func(n syntax.Node) bool {
			switch n := n.(type) {
			case *syntax.DefStmt, *syntax.LambdaExpr:
				return false
			case *syntax.AssignStmt:
				id, ok := unparen(n.LHS).(*syntax.Ident)
				if !ok || n.Op == syntax.EQ || !isLocal(id) || said[firstOf(id)] || k.page.given[firstOf(id)] {
					return true
				}
				said[firstOf(id)] = true
				hint := "give it a value first"
				if _, global := k.module.globals[id.Name]; global {
					hint = "no step can change what is of the top level: count in a variable of the step"
				}
				k.say("frozen", position(id.NamePos), hint, "%s has no value yet: it is a variable of %s alone", id.Name, def.Name.Name)
			}
			return true
		})
	}
}
