package engine

import (
	"strings"
	"sync"

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

// wordSignatures are the words of the language that are called by their bare
// name; a test holds them to what the words themselves take. What is put in is
// left to the words: the types of their rows are for people.
var wordSignatures = sync.OnceValue(func() map[string]word {
	all := map[string]word{}
	for _, row := range Words() {
		if row.Name == "struct" || strings.Contains(row.Name, ".") {
			continue
		}
		s := &signature{name: row.Name}
		for _, p := range row.Params {
			s.params = append(s.params, taken{name: p.Name, required: p.Default == ""})
		}
		w := word{takes: s}
		switch kind, _, _ := strings.Cut(row.Returns, ":"); kind {
		case "None", "string", "regexp":
			w.returns = only(kind)
		}
		all[row.Name] = w
	}
	return all
})
