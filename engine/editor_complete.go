package engine

import (
	"context"
	"slices"
	"strings"

	"go.starlark.net/starlark"
	"go.starlark.net/starlarkstruct"
	"go.starlark.net/syntax"
)

// completions are what could stand at the cursor; the word that is begun there
// picks nothing: the editor does that, each in its way.
func (c *Checker) completions(ctx context.Context, q Question) []Completion {
	text := c.textOf(q.File)
	at := offsetAt(text, q.Line, q.Column)
	around := surroundingsOf(text, at)
	switch {
	case around.comment:
		return nil
	case around.quote >= 0:
		return c.completionsInString(ctx, q.File, text, around)
	}
	start, end := wordAround(text, at)
	if start < end && text[start] >= '0' && text[start] <= '9' {
		return nil
	}
	t := &typing{file: q.File, text: text, start: start, end: end, around: around}
	r := t.reading(ctx, c)
	if r == nil {
		return nil
	}
	line, column := placeOf(text, start)
	if t.attribute() {
		return r.completionsOfMember(line, column)
	}
	return slices.Concat(r.completionsOfCall(t), r.namesAt(line, column), r.wordCompletions())
}

// completionsOfMember are the attributes of what stands before the dot.
func (r *reading) completionsOfMember(line, column int) []Completion {
	f := r.at(line, column)
	if f == nil || f.member() == nil {
		return nil
	}
	x := f.member().X
	if v, ok := r.resolve(r.module, x); ok {
		if m, ok := v.(*starlarkstruct.Module); ok {
			var out []Completion
			for _, name := range m.AttrNames() {
				out = append(out, r.completionOfWord(name, m.Members[name]))
			}
			return out
		}
	}
	var out []Completion
	for _, form := range r.shapeOf(r.page, x) {
		names, _ := r.attrs(form)
		for _, name := range names {
			one := Completion{Name: name, Kind: "field", Doc: r.saysField(form, name)}
			switch got := r.attrOf(form, name); {
			case methods[form.kind] != nil:
				one.Kind, one.Detail = "method", form.kind
			case got != nil:
				one.Detail = shapeText(got)
			}
			if !slices.ContainsFunc(out, func(o Completion) bool { return o.Name == name }) {
				out = append(out, one)
			}
		}
	}
	return out
}

// completionsOfCall are the arguments that the call at the cursor takes by name
// and has not got.
func (r *reading) completionsOfCall(t *typing) []Completion {
	if len(t.around.open) == 0 {
		return nil
	}
	open := t.around.open[len(t.around.open)-1]
	if before := strings.TrimRight(t.text[open+1:t.start], " \t\n"); t.text[open] != '(' || before != "" && !strings.HasSuffix(before, ",") {
		return nil
	}
	line, column := placeOf(t.text, open)
	var call *syntax.CallExpr
	syntax.Walk(r.module.syntax, func(n syntax.Node) bool {
		if x, ok := n.(*syntax.CallExpr); ok && int(x.Lparen.Line) == line && int(x.Lparen.Col) == column {
			call = x
		}
		return call == nil
	})
	if call == nil {
		return nil
	}
	given := map[string]bool{}
	for _, a := range call.Args {
		name, _ := keyword(a)
		given[name] = true
	}
	var out []Completion
	add := func(name, detail, doc string) {
		if !given[name] && !strings.HasPrefix(name, "*") {
			out = append(out, Completion{Name: name, Kind: "argument", Detail: detail, Doc: doc, Insert: name + " = "})
		}
	}
	if v, ok := r.resolve(r.module, call.Fn); ok {
		if row := r.rowOf("", v); row != nil {
			for _, p := range row.Params {
				add(p.Name, p.Type, p.Doc)
			}
			return out
		}
	}
	if fn := r.shapeOf(r.page, call.Fn); len(fn) == 1 && fn[0].takes != nil {
		for _, p := range fn[0].takes.params {
			add(p.name, "argument of "+fn[0].takes.name, "")
		}
	}
	return out
}

// placeOf is the line and the column of an offset in bytes, from one.
func placeOf(text string, at int) (line, column int) {
	start := strings.LastIndexByte(text[:at], '\n') + 1
	return strings.Count(text[:at], "\n") + 1, len([]rune(text[start:at])) + 1
}

// namesAt are the variables and functions that the file knows at a place.
func (r *reading) namesAt(line, column int) []Completion {
	var out []Completion
	seen := map[string]bool{}
	add := func(id *syntax.Ident) {
		if id.Name == "" || seen[id.Name] || id.NamePos.Line == int32(line) && id.NamePos.Col == int32(column) {
			return
		}
		seen[id.Name] = true
		one := Completion{Name: id.Name, Kind: "variable", Detail: shapeText(r.shapeOfName(r.page, id))}
		if s := r.sourceOf(id); s != nil && s.def != nil {
			one.Kind, one.Detail, one.Doc = "function", strings.TrimPrefix(defText(s.def), "def "), defDoc(s.def)
		}
		out = append(out, one)
	}
	covers := func(n syntax.Node) bool {
		start, end := n.Span()
		return int(start.Line) <= line && line <= int(end.Line)
	}
	var scopes [][]*syntax.Ident
	syntax.Walk(r.module.syntax, func(n syntax.Node) bool {
		switch n := n.(type) {
		case *syntax.DefStmt:
			if !covers(n) {
				return false
			}
			scopes = append(scopes, slices.Concat(paramIdents(n.Params), boundIn(n.Body)))
		case *syntax.LambdaExpr:
			if covers(n) {
				scopes = append(scopes, paramIdents(n.Params))
			}
		case *syntax.Comprehension:
			if covers(n) {
				for _, clause := range n.Clauses {
					if clause, ok := clause.(*syntax.ForClause); ok {
						scopes = append(scopes, assigned(clause.Vars))
					}
				}
			}
		}
		return true
	})
	for _, ids := range slices.Backward(scopes) {
		for _, id := range ids {
			add(id)
		}
	}
	for _, stmt := range r.module.syntax.Stmts {
		switch stmt := stmt.(type) {
		case *syntax.DefStmt:
			add(stmt.Name)
		case *syntax.AssignStmt:
			for _, id := range assigned(stmt.LHS) {
				add(id)
			}
		case *syntax.LoadStmt:
			for _, to := range stmt.To {
				add(to)
			}
		}
	}
	return out
}

// boundIn are the names that the body of a function binds.
func boundIn(body []syntax.Stmt) []*syntax.Ident {
	var out []*syntax.Ident
	for _, stmt := range body {
		syntax.Walk(stmt, func(n syntax.Node) bool {
			switch n := n.(type) {
			case *syntax.DefStmt:
				out = append(out, n.Name)
				return false
			case *syntax.LambdaExpr, *syntax.Comprehension:
				return false
			case *syntax.AssignStmt:
				out = append(out, assigned(n.LHS)...)
			case *syntax.ForStmt:
				out = append(out, assigned(n.Vars)...)
			}
			return true
		})
	}
	return out
}

// wordCompletions are the words that every file knows.
func (r *reading) wordCompletions() []Completion {
	var out []Completion
	words := r.loader.wordsOf(r.module.moduleKey)
	for _, name := range words.Keys() {
		if name != coverWord {
			out = append(out, r.completionOfWord(name, words[name]))
		}
	}
	for _, name := range starlark.Universe.Keys() {
		out = append(out, Completion{Name: name, Kind: "word", Detail: "Starlark"})
	}
	for _, name := range []string{"and", "break", "continue", "def", "elif", "else", "for", "if", "in", "lambda", "load", "not", "or", "pass", "return"} {
		out = append(out, Completion{Name: name, Kind: "keyword"})
	}
	return out
}

func (c *Checker) completionOfWord(name string, v starlark.Value) Completion {
	one := Completion{Name: name, Kind: "word"}
	if row := c.rowOf(name, v); row != nil {
		one.Detail, one.Doc = row.Signature(), row.Page()
		if c.rows[asBuiltin(v)] != nil {
			one.Kind = "builtin"
		}
		if row.Effect != Looks {
			one.Detail += "  needs " + string(row.Effect)
		}
		return one
	}
	if m, ok := v.(*starlarkstruct.Module); ok {
		one.Kind, one.Doc = "module", modulePage(m)
	}
	return one
}

func asBuiltin(v starlark.Value) *starlark.Builtin {
	b, _ := v.(*starlark.Builtin)
	return b
}
