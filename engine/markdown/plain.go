package markdown

import (
	"strings"

	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"

	"runbook/engine/lazyregexp"
)

var gaps = lazyregexp.New(`\n{3,}`)

// Plain is markdown without its marks: a paragraph to a line, blocks apart by an
// empty line, code as it stands. It is for searching, and for one-line summaries.
func Plain(source string) string {
	src := []byte(clean(source))
	return plainOf(md.Parser().Parse(text.NewReader(src)), src)
}

// plainOf is Plain of a part of a text that was parsed.
func plainOf(part ast.Node, src []byte) string {
	var b strings.Builder
	_ = ast.Walk(part, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			if n.Type() == ast.TypeBlock && n.Kind() != ast.KindDocument && n.Kind() != ast.KindTextBlock {
				b.WriteByte('\n')
				if n.Parent() != nil && n.Parent().Kind() == ast.KindDocument {
					b.WriteByte('\n')
				}
			}
			return ast.WalkContinue, nil
		}
		switch n := n.(type) {
		case *ast.Text:
			b.WriteString(meaning(n, src))
			if n.SoftLineBreak() || n.HardLineBreak() {
				b.WriteByte(' ')
			}
		case *ast.String:
			b.Write(n.Value)
		case *ast.AutoLink:
			b.Write(n.URL(src))
		case *ast.CodeBlock, *ast.FencedCodeBlock:
			lines := n.Lines()
			for i := range lines.Len() {
				seg := lines.At(i)
				b.Write(seg.Value(src))
			}
		}
		return ast.WalkContinue, nil
	})
	return strings.TrimSpace(gaps().ReplaceAllString(b.String(), "\n\n"))
}

// meaning is a text without the backslashes that shield its marks, and with its
// entities resolved; code is as it stands.
func meaning(n *ast.Text, src []byte) string {
	text := n.Segment.Value(src)
	if n.IsRaw() || n.Parent() != nil && n.Parent().Kind() == ast.KindCodeSpan {
		return string(text)
	}
	return clean(string(util.ResolveEntityNames(util.ResolveNumericReferences(util.UnescapePunctuations(text))))) // &rlm; is unsafe, too
}
