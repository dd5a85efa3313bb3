package markdown

import (
	"strings"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/text"
)

// md reads what glamour reads.
var md = goldmark.New(goldmark.WithExtensions(extension.GFM, extension.DefinitionList),
	goldmark.WithParserOptions(parser.WithAutoHeadingID()))

// unwrap joins the lines of each paragraph: where they were broken in the
// source says nothing about where they are to be broken on the page.
func unwrap(source string) string {
	src := []byte(source)
	type cut struct{ from, to int }
	var cuts []cut
	quotes := 0
	_ = ast.Walk(md.Parser().Parse(text.NewReader(src)), func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		switch n := n.(type) {
		case *ast.Blockquote:
			if entering {
				quotes++
			} else {
				quotes--
			}
		case *ast.Text:
			if !entering {
				break
			}
			seg := n.Segment
			if n.SoftLineBreak() {
				marks := " \t"
				if quotes > 0 {
					marks += ">"
				}
				at := seg.Stop
				for at < len(src) && (src[at] == ' ' || src[at] == '\t') {
					at++
				}
				if at < len(src) && src[at] == '\n' {
					to := at + 1
					for to < len(src) && strings.IndexByte(marks, src[to]) >= 0 {
						to++
					}
					cuts = append(cuts, cut{seg.Stop, to})
				}
			} else if n.Parent().Kind() == ast.KindCodeSpan {
				for i := seg.Start; i < seg.Stop; i++ {
					if src[i] == '\n' {
						cuts = append(cuts, cut{i, i + 1})
					}
				}
			}
		}
		return ast.WalkContinue, nil
	})
	var out strings.Builder
	at := 0
	for _, c := range cuts {
		if c.from < at {
			continue
		}
		out.Write(src[at:c.from])
		out.WriteByte(' ')
		at = c.to
	}
	out.Write(src[at:])
	return out.String()
}
