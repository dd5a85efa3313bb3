package markdown

import (
	"github.com/charmbracelet/glamour/ansi"
	"github.com/charmbracelet/glamour/styles"
)

// config is glamour's own, calmer: no bars of colour behind headings, code in
// one colour (its highlighter keeps one theme for all styles, in a global),
// and, without colour, marks only where they say something.
func (l look) config() ansi.StyleConfig {
	s := styles.DarkStyleConfig
	accent, code := "39", "80"
	switch l.style {
	case Light:
		s, accent, code = styles.LightStyleConfig, "27", "30"
	case NoTTY:
		s = styles.NoTTYStyleConfig
	}
	s.Document.BlockPrefix, s.Document.BlockSuffix = "", ""
	s.Document.Color = nil // the terminal's own
	s.Document.Margin = ptr(uint(l.margin()))
	s.CodeBlock.Chroma = nil
	s.CodeBlock.Theme = ""
	s.List.LevelIndent = 2
	s.Strong.BlockPrefix, s.Strong.BlockSuffix = "", ""
	s.Emph.BlockPrefix, s.Emph.BlockSuffix = "", ""
	s.Code.BlockPrefix, s.Code.BlockSuffix = "", ""
	s.Code.Prefix, s.Code.Suffix = "`", "`" // glamour heeds only these
	if l.style != NoTTY {
		s.Heading.Color = &accent
		for i, h := range []*ansi.StyleBlock{&s.H1, &s.H2, &s.H3, &s.H4, &s.H5, &s.H6} {
			*h = ansi.StyleBlock{}
			if i == 0 {
				h.Underline = ptr(true)
			}
		}
		s.Code = ansi.StyleBlock{StylePrimitive: ansi.StylePrimitive{Color: &code}}
		s.CodeBlock.Color = &code
	}
	if l.ascii {
		s.Item.BlockPrefix = "* "
		s.ImageText.Format = "Image: {{.text}} ->"
		s.BlockQuote.IndentToken = ptr("| ")
		s.Table.CenterSeparator, s.Table.ColumnSeparator, s.Table.RowSeparator = ptr("+"), ptr("|"), ptr("-")
	}
	return s
}

func ptr[T any](v T) *T { return &v }
