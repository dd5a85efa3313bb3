package engine

import (
	"fmt"
	"slices"
	"strings"
	"time"

	startime "go.starlark.net/lib/time"
	"go.starlark.net/starlark"
	"go.starlark.net/syntax"

	"runbook/engine/lazyregexp"
)

// samples are a value of each kind that is no record: what the language says of
// two of them it says of all of their kinds. None is zero, which cannot divide,
// and the dict has a key, so that only kinds are judged.
func samples() map[string]starlark.Value {
	return map[string]starlark.Value{
		"int": starlark.MakeInt(1), "float": starlark.Float(1), "bool": starlark.True, "None": starlark.None,
		"string": starlark.String("a"), "bytes": starlark.Bytes("a"),
		"list": starlark.NewList(nil), "dict": starlark.NewDict(0), "set": starlark.NewSet(0),
		"duration": startime.Duration(time.Second), "time": startime.Time(time.Unix(1, 0)),
		"function": starlark.NewBuiltin("f", sayStop), "regexp": &Regexp{everything()},
	}
}

var everything = lazyregexp.New("")

// operation finds x > y, x + y and the like of two values that have no such
// operator, whatever they are: what may be of several kinds must fail with each.
func (k *checking) operation(e *syntax.BinaryExpr) {
	switch e.Op {
	case syntax.EQ, syntax.EQL, syntax.NEQ, syntax.AND, syntax.OR:
		return
	}
	if format, ok := literalString(e.X); ok && e.Op == syntax.PERCENT {
		k.formatted(e, format)
		return
	}
	xs, ys := k.shapeOf(k.page, e.X), k.shapeOf(k.page, e.Y)
	if len(xs) == 0 || len(ys) == 0 {
		return
	}
	kinds := samples()
	var said string
	for _, x := range xs {
		for _, y := range ys {
			a, b := kinds[x.kind], kinds[y.kind]
			if a == nil || b == nil || operate(e.Op, a, b) {
				return
			}
			if said == "" {
				said = fmt.Sprintf("%s %s %s", x.kind, e.Op, y.kind)
			}
		}
	}
	k.say("operator", position(e.OpPos), instead(e.Op, xs, ys), "there is no %s: %s", said, whatFails(e.Op))
}

// operate reports whether the language has an operator for two values.
func operate(op syntax.Token, x, y starlark.Value) bool {
	var err error
	switch op {
	case syntax.LT, syntax.LE, syntax.GT, syntax.GE:
		_, err = starlark.Compare(op, x, y)
	case syntax.PERCENT:
		if x.Type() == "string" {
			return true // it depends on the text
		}
		_, err = starlark.Binary(op, x, y)
	default:
		_, err = starlark.Binary(op, x, y)
	}
	return err == nil
}

func whatFails(op syntax.Token) string {
	switch op {
	case syntax.LT, syntax.LE, syntax.GT, syntax.GE:
		return "they cannot be compared"
	}
	return "it fails when it gets here"
}

// instead is what was probably meant; "" when that would be a guess.
func instead(op syntax.Token, xs, ys shape) string {
	is := func(s shape, kinds ...string) bool {
		return slices.ContainsFunc(s, func(f form) bool { return slices.Contains(kinds, f.kind) })
	}
	switch {
	case is(xs, "duration") && is(ys, "int", "float", "string") || is(ys, "duration") && is(xs, "int", "float", "string"):
		return `a duration is time.parse_duration("5s"); x.seconds is a number`
	case op == syntax.PLUS && is(xs, "string") && !is(ys, "None"):
		return `"… %s" % x, or str(x)`
	case op == syntax.PLUS && is(ys, "string") && !is(xs, "None"):
		return `"%s …" % x, or str(x)`
	}
	return ""
}

// formatted compares what a text that is written out asks for with what it gets.
func (k *checking) formatted(e *syntax.BinaryExpr, format string) {
	say := func(hint, text string, a ...any) {
		start, _ := e.X.Span()
		k.say("operator", position(start), hint, text, a...)
	}
	wants, wrong := conversions(format)
	if wrong != "" {
		say("there are %s, %r, %d, %f, %g, %x, %o, %c and %(name)s, without width or precision; a percent sign is %%", "the text that is formatted has %s", wrong)
		return
	}
	if slices.Contains(wants, '(') {
		return // of a dict, by name
	}
	values := []syntax.Expr{e.Y}
	switch y := unparen(e.Y).(type) {
	case *syntax.TupleExpr:
		values = y.List
	default:
		got := k.shapeOf(k.page, e.Y)
		if len(got) == 0 || slices.ContainsFunc(got, func(f form) bool { return samples()[f.kind] == nil || f.kind == "dict" }) {
			return // it may be a tuple
		}
	}
	if len(values) != len(wants) {
		say("", "the text that is formatted asks for %s, and gets %d", plural(int64(len(wants)), "value", ""), len(values))
		return
	}
	for i, want := range wants {
		if !strings.ContainsRune("dioxXeEfFgG", want) {
			continue
		}
		var kinds []string
		for _, f := range k.shapeOf(k.page, values[i]) {
			if f.kind == "int" || f.kind == "float" || samples()[f.kind] == nil {
				kinds = nil
				break
			}
			kinds = append(kinds, f.kind)
		}
		if len(kinds) > 0 {
			start, _ := values[i].Span()
			k.say("operator", position(start), "%s takes any value", "%%%c wants a number, and this is %s", want, strings.Join(kinds, " or "))
		}
	}
}

// conversions are the letters of a text's conversions, '(' for one by name; or
// what is none.
func conversions(format string) (letters []rune, wrong string) {
	for {
		_, rest, ok := strings.Cut(format, "%")
		if !ok {
			return letters, ""
		}
		if rest == "" {
			return nil, "a % at its end"
		}
		c := []rune(rest)[0]
		switch {
		case c == '%':
		case c == '(':
			letters = append(letters, c)
			_, after, closed := strings.Cut(rest, ")")
			if !closed || after == "" {
				return nil, "a %( that does not end"
			}
			rest = after
		case strings.ContainsRune("srdioxXeEfFgGc", c):
			letters = append(letters, c)
		default:
			return nil, "the conversion %" + string(c)
		}
		format = rest[len(string([]rune(rest)[0])):]
	}
}
