package engine

import (
	"strings"

	"go.starlark.net/syntax"
)

// outline is what a file is made of, in the order of the text.
func (r *reading) outline() []Symbol {
	steps := map[string]int{}
	if d := r.module.declared; d != nil {
		for i, s := range d.steps {
			steps[s.Name] = i + 1
		}
	}
	out := []Symbol{}
	add := func(kind, detail string, id *syntax.Ident, whole syntax.Node) *Symbol {
		s := Symbol{Name: id.Name, Kind: kind, Detail: detail, Spot: spotIn(r.module.moduleKey, id.NamePos)}
		s.Spot.Width = len(id.Name)
		s.spans(whole)
		out = append(out, s)
		return &out[len(out)-1]
	}
	for _, stmt := range r.module.syntax.Stmts {
		switch stmt := stmt.(type) {
		case *syntax.DefStmt:
			title, _, _ := strings.Cut(defDoc(stmt), "\n")
			if n := steps[stmt.Name.Name]; n > 0 {
				add("step", title, stmt.Name, stmt).Step = n
				continue
			}
			add("function", title, stmt.Name, stmt)
		case *syntax.AssignStmt:
			for _, id := range assigned(stmt.LHS) {
				add("constant", "", id, stmt)
			}
		case *syntax.ExprStmt:
			out = append(out, r.params(stmt.X)...)
		}
	}
	return out
}

func (s *Symbol) spans(n syntax.Node) {
	start, end := n.Span()
	s.Line, s.Column, s.Ends, s.EndCol = int(start.Line), int(start.Col), int(end.Line), int(end.Col)
}

// params are the parameters that recipe(…) declares.
func (r *reading) params(e syntax.Expr) []Symbol {
	call, ok := e.(*syntax.CallExpr)
	if !ok || wordOf(call.Fn) != "recipe" {
		return nil
	}
	var out []Symbol
	for _, a := range call.Args {
		name, value := keyword(a)
		dict, ok := value.(*syntax.DictExpr)
		if name != "params" || !ok {
			continue
		}
		for _, x := range dict.List {
			entry, ok := x.(*syntax.DictEntry)
			if !ok {
				continue
			}
			key, ok := entry.Key.(*syntax.Literal)
			if !ok || key.Token != syntax.STRING {
				continue
			}
			s := Symbol{Name: key.Value.(string), Kind: "param", Spot: spotIn(r.module.moduleKey, key.TokenPos)}
			s.Spot.Width = len([]rune(key.Raw))
			if made, ok := entry.Value.(*syntax.CallExpr); ok {
				s.Detail = strings.TrimPrefix(wordOf(made.Fn), "param.")
			}
			s.spans(entry)
			out = append(out, s)
		}
	}
	return out
}
