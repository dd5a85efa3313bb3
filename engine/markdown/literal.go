package markdown

import (
	"strings"

	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/text"
)

// backslash stands for one in code while glamour draws it: glamour takes the
// backslashes of escapes away a second time, after the parser, and there it
// does not know code from prose: a pattern copied from the page would be another.
const backslash = "\uE05C" // for private use; nobody writes it

// literal shields the backslashes of code blocks and code spans.
func literal(source string) string {
	if !strings.Contains(source, `\`) {
		return source
	}
	src := []byte(source)
	code := make([]bool, len(src))
	mark := func(segments ...text.Segment) {
		for _, s := range segments {
			for i := s.Start; i < s.Stop; i++ {
				code[i] = true
			}
		}
	}
	_ = ast.Walk(md.Parser().Parse(text.NewReader(src)), func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		switch n.Kind() {
		case ast.KindCodeBlock, ast.KindFencedCodeBlock:
			mark(n.Lines().Sliced(0, n.Lines().Len())...)
		case ast.KindText:
			if n.Parent().Kind() == ast.KindCodeSpan {
				mark(n.(*ast.Text).Segment)
			}
		}
		return ast.WalkContinue, nil
	})
	var out strings.Builder
	for i, b := range src {
		if b == '\\' && code[i] {
			out.WriteString(backslash)
		} else {
			out.WriteByte(b)
		}
	}
	return out.String()
}
