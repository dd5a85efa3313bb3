package engine

import (
	"strings"

	"go.starlark.net/syntax"
)

// signature is how a function may be called.
type signature struct {
	name   string
	params []taken
	rest   bool // *args
	any    bool // **kwargs
}

// taken is one parameter of a signature.
type taken struct {
	name     string
	typ      string // as the table of builtins words it; "" = not known
	required bool
	named    bool // by name only
}

// names are the parameters that can be given by name.
func (s *signature) names() []string {
	var out []string
	for _, p := range s.params {
		out = append(out, p.name)
	}
	return out
}

// signatureOf is that of a def or lambda.
func signatureOf(name string, params []syntax.Expr) *signature {
	s := &signature{name: name}
	star := false
	for _, p := range params {
		switch p := p.(type) {
		case *syntax.Ident:
			s.params = append(s.params, taken{name: p.Name, required: true, named: star})
		case *syntax.BinaryExpr:
			if id, ok := p.X.(*syntax.Ident); ok {
				s.params = append(s.params, taken{name: id.Name, named: star})
			}
		case *syntax.UnaryExpr:
			if p.Op == syntax.STARSTAR {
				s.any = true
				continue
			}
			star = true
			s.rest = s.rest || p.X != nil
		}
	}
	return s
}

// signatureOfRow is that of a builtin of the table; nil for one that the table
// does not document.
func signatureOfRow(row *Builtin) *signature {
	if row.Doc == "" {
		return nil
	}
	s := &signature{name: row.Name}
	for _, p := range row.Params {
		s.params = append(s.params, taken{name: p.Name, typ: p.Type, required: p.Default == ""})
	}
	return s
}

// word is how a word of the language may be called.
type word struct {
	takes   *signature
	returns shape
}

// wordOfText reads "rule title about?": a question mark makes one optional.
func wordOfText(name, params string, returns shape) word {
	s := &signature{name: name}
	for _, p := range strings.Fields(params) {
		bare := strings.TrimSuffix(p, "?")
		s.params = append(s.params, taken{name: bare, required: bare == p})
	}
	return word{s, returns}
}

// wordSignatures are the words of the language; a test holds them to what the
// words themselves take.
var wordSignatures = func() map[string]word {
	const verdict = "rule title about? victims? members? evidence? means? do? because?"
	none := only("None")
	all := map[string]word{}
	for _, w := range []word{
		wordOfText("fault", verdict, none), wordOfText("warn", verdict, none), wordOfText("rule_out", verdict, none),
		wordOfText("unknown", verdict, none), wordOfText("note", verdict, none),
		wordOfText("stop", "reason unknown? usage?", none), wordOfText("show", "value title?", none),
		wordOfText("recipe", "summary? tags? params? steps?", none), wordOfText("step", "fn needs? deadline?", nil),
		wordOfText("regexp", "pattern", only("regexp")), wordOfText("size", "n", only("string")),
		wordOfText("span", "d", only("string")), wordOfText("plural", "n one many?", only("string")),
	} {
		all[w.takes.name] = w
	}
	return all
}()
