package engine

import (
	"fmt"
	"slices"
	"strings"

	"go.starlark.net/resolve"
	"go.starlark.net/starlarkstruct"
	"go.starlark.net/syntax"
)

// calls finds attributes that a value lacks, and arguments that a function does
// not take: what Starlark itself would only say in the middle of a run.
func (k *checking) calls() {
	syntax.Walk(k.module.syntax, func(n syntax.Node) bool {
		switch n := n.(type) {
		case *syntax.DotExpr:
			k.attribute(n)
		case *syntax.CallExpr:
			if fn := k.shapeOf(k.page, n.Fn); len(fn) == 1 && fn[0].takes != nil {
				k.arguments(n, fn[0].takes)
			}
		}
		return true
	})
}

func (k *checking) attribute(e *syntax.DotExpr) {
	say := func(whose string, names []string) {
		hint := "there are " + strings.Join(names, ", ")
		if n := Nearest(e.Name.Name, names); n != "" {
			hint = "did you mean " + n + "?"
		} else if len(names) == 0 {
			hint = ""
		}
		k.say("attribute", position(e.Name.NamePos), hint, "%s has no .%s", whose, e.Name.Name)
	}
	if v, ok := k.resolve(k.module, e.X); ok {
		if m, ok := v.(*starlarkstruct.Module); ok {
			if m.Members[e.Name.Name] == nil {
				say("module "+m.Name, m.AttrNames())
			}
			return
		}
	}
	var kinds, names []string
	for _, f := range k.shapeOf(k.page, e.X) {
		if f.kind == "None" {
			continue
		}
		has, known := k.attrs(f)
		if !known || slices.Contains(has, e.Name.Name) {
			return
		}
		if !slices.Contains(kinds, f.kind) {
			kinds = append(kinds, f.kind)
		}
		names = append(names, has...)
	}
	if len(kinds) > 0 {
		say(strings.Join(kinds, " or "), names)
	}
}

func (k *checking) arguments(e *syntax.CallExpr, s *signature) {
	given := map[string]bool{}
	spread := false // *args or **kwargs: nobody knows what is in them
	positional := 0
	for _, a := range e.Args {
		if u, ok := a.(*syntax.UnaryExpr); ok && (u.Op == syntax.STAR || u.Op == syntax.STARSTAR) {
			spread = true
			continue
		}
		start, _ := a.Span()
		name, value := keyword(a)
		if name == "" {
			if positional < len(s.params) && !s.params[positional].named {
				given[s.params[positional].name] = true
				k.argument(a, s, s.params[positional])
			} else if !s.rest && !spread {
				k.say("argument", position(start), "", "%s takes %s, and this is one more", s.name, arguments(s))
				return
			}
			positional++
			continue
		}
		at := slices.IndexFunc(s.params, func(p taken) bool { return p.name == name })
		switch {
		case at < 0 && !s.any:
			hint := ""
			if n := Nearest(name, s.names()); n != "" && len(name) > 1 {
				hint = "did you mean " + n + "?"
			} else if len(s.params) > 0 {
				hint = "it takes " + strings.Join(s.names(), ", ")
			}
			k.say("argument", position(start), hint, "%s has no argument %s", s.name, name)
		case at >= 0 && given[name]:
			k.say("argument", position(start), "", "%s gets its argument %s twice", s.name, name)
		case at >= 0:
			given[name] = true
			k.argument(value, s, s.params[at])
		}
	}
	if spread {
		return
	}
	var missing []string
	for _, p := range s.params {
		if p.required && !given[p.name] {
			missing = append(missing, p.name)
		}
	}
	if len(missing) > 0 {
		start, _ := e.Span()
		k.say("argument", position(start), "", "%s needs its argument %s", s.name, strings.Join(missing, " and "))
	}
}

func arguments(s *signature) string {
	n := 0
	for _, p := range s.params {
		if !p.named {
			n++
		}
	}
	switch n {
	case 0:
		return "no arguments"
	case 1:
		return "one argument"
	}
	return fmt.Sprintf("%d arguments", n)
}

// argument compares what is written out with what a builtin wants. Only what
// can never do is said.
func (k *checking) argument(e syntax.Expr, s *signature, p taken) {
	takes := argumentKinds[p.typ]
	if takes == nil {
		return
	}
	got := k.shapeOf(k.page, e)
	var kinds []string
	for _, f := range got {
		if slices.Contains(takes, f.kind) || f.kind == "None" {
			return
		}
		kinds = append(kinds, f.kind)
	}
	if len(kinds) == 0 {
		return
	}
	start, _ := e.Span()
	k.say("argument", position(start), "", "%s: %s is %s, want %s", s.name, p.name, strings.Join(kinds, " or "), p.typ)
}

// argumentKinds are the kinds of value that an argument of a type can be.
var argumentKinds = map[string][]string{
	"int": {"int"}, "bool": {"bool"}, "string": {"string"}, "float": {"int", "float"}, "duration": {"duration", "string"},
	"list of string": {"list", "set"}, "list of int": {"list", "set", "int", "process"}, "regexp or string": {"string", "regexp"},
	"list of process": {"list", "set", "process", "tree"}, "tree, or list of process": {"list", "set", "process", "tree"},
	"process": {"process"},
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
