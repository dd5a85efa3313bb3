package markdown

import (
	"strings"

	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/text"
)

// What stands for a character in code while glamour draws it; for private use,
// nobody writes it.
const (
	// backslash: glamour takes the backslashes of escapes away a second time,
	// after the parser, and there it does not know code from prose: a pattern
	// copied from the page would be another.
	backslash = "\uE05C"
	// space, in a code span: what is to be copied stays in one piece.
	space = "\uE020"
)

var asWritten = strings.NewReplacer(backslash, `\`, space, " ")

// literal shields the code of a text from glamour, and from wrap. lines are those
// of its code blocks, without the spaces around them.
func literal(source string) (shielded string, lines map[string]bool) {
	src := []byte(source)
	lines = map[string]bool{}
	const inBlock, inSpan = 1, 2
	code := make([]byte, len(src))
	mark := func(as byte, segments ...text.Segment) {
		for _, s := range segments {
			for i := s.Start; i < s.Stop; i++ {
				code[i] = as
			}
		}
	}
	_ = ast.Walk(md.Parser().Parse(text.NewReader(src)), func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		switch n.Kind() {
		case ast.KindCodeBlock, ast.KindFencedCodeBlock:
			for _, l := range n.Lines().Sliced(0, n.Lines().Len()) {
				mark(inBlock, l)
				lines[strings.TrimSpace(string(l.Value(src)))] = true
			}
		case ast.KindText:
			if n.Parent().Kind() == ast.KindCodeSpan {
				mark(inSpan, n.(*ast.Text).Segment)
			}
		}
		return ast.WalkContinue, nil
	})
	var out strings.Builder
	for i, b := range src {
		switch {
		case b == '\\' && code[i] != 0:
			out.WriteString(backslash)
		case b == ' ' && code[i] == inSpan:
			out.WriteString(space)
		default:
			out.WriteByte(b)
		}
	}
	return out.String(), lines
}
