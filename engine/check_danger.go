package engine

import (
	"strings"

	"go.starlark.net/resolve"
	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
)

// dangers finds what loads and runs well, and does harm or is wrong elsewhere.
func (k *checking) dangers() {
	syntax.Walk(k.module.syntax, func(n syntax.Node) bool {
		switch n := n.(type) {
		case *syntax.CallExpr:
			k.wideCall(n)
			k.endless(n)
			k.comparedByMethod(n)
			k.verdict(n)
		case *syntax.BinaryExpr:
			k.compared(n)
			k.operation(n)
		}
		return true
	})
	if k.module.declared != nil {
		k.preview()
	}
}

// preview wants a step that shows something before one that kills: who is asked
// "end these?" must have seen them, and who is not asked must find them in the
// record.
func (k *checking) preview() {
	shown := false
	for _, s := range k.module.declared.steps {
		for _, r := range k.reached(k.module, s) {
			if r.Effect == Kill && r.Handed == "" && !shown {
				k.say("kill-without-preview", r.Here, "let an earlier step show(…) what this one ends", "step %s calls %s, and no step before it shows what will be ended", s.Name, r.Builtin)
				break
			}
		}
		shown = shown || k.mentions(k.module, s).shows
	}
}

// wideCall finds patterns that pick everything: in regexp(…), in what a builtin
// takes as a pattern, and in pkill(ps()).
func (k *checking) wideCall(e *syntax.CallExpr) {
	s := k.signatureOfCall(e)
	if s == nil {
		return
	}
	args := k.argumentsOf(e, s)
	for p, value := range args {
		start, _ := value.Span()
		pattern, literal := literalString(value)
		switch {
		case !literal:
			if inner, ok := unparen(value).(*syntax.CallExpr); ok && s.name == "pkill" && len(inner.Args) == 0 && wordOf(inner.Fn) == "ps" {
				k.say("match-everything", position(start), "take the trees in which a fault was found", "pkill gets every process of the machine")
			}
		case s.name == "regexp" && p == "pattern", strings.Contains(typeOf(s, p), "regexp"):
			_, otherwise := args["default"]
			if _, err := NewRegexp(pattern); err != nil && !otherwise {
				k.say("argument", position(start), "a sign that stands for itself needs a backslash: r\"\\(\"", "%s: %v", s.name, err)
			} else if matchesAll(pattern) {
				k.say("match-everything", position(start), "say what is meant; leave it out, or give None, to pick all on purpose", "%s: the pattern %q matches everything", s.name, pattern)
			}
		}
	}
}

func (k *checking) signatureOfCall(e *syntax.CallExpr) *signature {
	v, ok := k.resolve(k.module, e.Fn)
	if !ok {
		return nil
	}
	b, ok := v.(*starlark.Builtin)
	if !ok {
		return nil
	}
	if row := k.rows[b]; row != nil {
		return signatureOfRow(row)
	}
	return wordSignatures()[b.Name()].takes
}

// argumentsOf are the arguments of a call by the name of their parameter.
func (k *checking) argumentsOf(e *syntax.CallExpr, s *signature) map[string]syntax.Expr {
	out := map[string]syntax.Expr{}
	if s == nil {
		return out
	}
	for i, a := range e.Args {
		name, value := keyword(a)
		if name == "" && i < len(s.params) {
			name = s.params[i].name
		}
		out[name] = value
	}
	return out
}

func typeOf(s *signature, param string) string {
	for _, p := range s.params {
		if p.name == param {
			return p.typ
		}
	}
	return ""
}

func literalString(e syntax.Expr) (string, bool) {
	lit, ok := unparen(e).(*syntax.Literal)
	if !ok {
		return "", false
	}
	s, ok := lit.Value.(string)
	return s, ok
}

// matchesAll reports whether a pattern finds something in every command line
// there could be. The texts have nothing in common but that they are not empty.
func matchesAll(pattern string) bool {
	re, err := NewRegexp(pattern)
	if err != nil {
		return false
	}
	for _, s := range []string{"a", "Z9", "/usr/sbin/x -f", "日本", "_", "[kthreadd]"} {
		if !re.re.MatchString(s) {
			return false
		}
	}
	return true
}

// endless finds programs that are started with their deadline taken away, or
// that have none.
func (k *checking) endless(e *syntax.CallExpr) {
	v, _ := k.resolve(k.module, e.Fn)
	b, ok := v.(*starlark.Builtin)
	if !ok {
		return
	}
	row := k.rows[b]
	if row == nil || row.Effect != Run {
		return
	}
	args := k.argumentsOf(e, signatureOfRow(row))
	for _, p := range row.Params {
		if p.Name != "timeout" && p.Name != "deadline" {
			continue
		}
		given, ok := args[p.Name]
		at := e.Fn
		text := p.Default
		if ok {
			at, text = given, sourceOf(given)
		}
		if isNoTime(text) {
			start, _ := at.Span()
			k.say("no-deadline", position(start), p.Name+` = "60s"`, "%s starts a program that may run for ever: %s is %s", row.Name, p.Name, text)
		}
	}
}

func sourceOf(e syntax.Expr) string {
	switch e := unparen(e).(type) {
	case *syntax.Literal:
		return e.Raw
	case *syntax.Ident:
		if b, ok := e.Binding.(*resolve.Binding); ok && b.Scope == resolve.Universal {
			return e.Name
		}
	}
	return ""
}

// isNoTime reports whether a value, as it is written, stands for no deadline.
func isNoTime(text string) bool {
	switch strings.Trim(text, `"'`) {
	case "None", "0", "0s", "0ms", "0m", "0h":
		return true
	}
	return false
}

// compared finds x.wchan == "pipe_wait": kernels rename these functions.
func (k *checking) compared(e *syntax.BinaryExpr) {
	switch e.Op {
	case syntax.EQL, syntax.NEQ:
		k.oneKernel(e.X, e.Y)
		k.oneKernel(e.Y, e.X)
	case syntax.IN, syntax.NOT_IN:
		k.oneKernel(e.Y, e.X) // "pipe" in p.wchan
		if list, ok := unparen(e.Y).(*syntax.ListExpr); ok && len(list.List) == 1 {
			k.oneKernel(e.X, list.List[0])
		}
		if list, ok := unparen(e.Y).(*syntax.TupleExpr); ok && len(list.List) == 1 {
			k.oneKernel(e.X, list.List[0])
		}
	}
}

func (k *checking) comparedByMethod(e *syntax.CallExpr) {
	dot, ok := e.Fn.(*syntax.DotExpr)
	if ok && len(e.Args) == 1 && (dot.Name.Name == "startswith" || dot.Name.Name == "endswith") {
		k.oneKernel(dot.X, e.Args[0])
	}
}

func (k *checking) oneKernel(x, literal syntax.Expr) {
	name, ok := literalString(literal)
	if !ok || name == "" || name == "0" { // it runs
		return
	}
	for _, f := range k.shapeOf(k.page, x) {
		if f.wchan {
			start, _ := literal.Span()
			k.say("one-kernel-wchan", position(start), "ask .family, which knows the names of all kernels, or compare with a list of names", "%q is what some kernels call it: others have another name", name)
			return
		}
	}
	// What is called wchan is one, whatever else is known of it.
	if dot, ok := unparen(x).(*syntax.DotExpr); ok && dot.Name.Name == "wchan" && len(k.shapeOf(k.page, x)) == 0 {
		start, _ := literal.Span()
		k.say("one-kernel-wchan", position(start), "ask .family, which knows the names of all kernels, or compare with a list of names", "%q is what some kernels call it: others have another name", name)
	}
}
