package markdown

import (
	"bytes"
	"fmt"
	"html"
	"strconv"
	"strings"
	"unicode"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	east "github.com/yuin/goldmark/extension/ast"
	"github.com/yuin/goldmark/parser"
	render "github.com/yuin/goldmark/renderer"
	"github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"
)

// Links say where the links of a text lead.
type Links struct {
	To   func(destination string) string // the href; "" = nowhere that a reader may be sent: it stands as text
	Code func(span string) string        // where a span of code leads by itself; "" = nowhere. nil = none does
}

// Document is a text as HTML.
type Document struct {
	HTML     string
	Sections []Section // one a heading, and a first one without heading where text stands before all of them
}

// Section is a heading and what stands below it, up to the next.
type Section struct {
	Level int    // 1 to 6; 0 = before the first heading
	ID    string // of the heading: "" for level 0; small letters, digits, - and _
	Title string // without marks
	Text  string // as of Plain, without the title
}

// HTML writes md as HTML that can only be read: a tag in it is shown as the text
// that it is, an image as its text, and a link leads where links.To says.
func HTML(source string, links Links) (doc Document, err error) {
	defer func() { // a parser of other people's that panics must not take the site along
		if r := recover(); r != nil {
			doc, err = Document{}, fmt.Errorf("markdown to HTML: %v", r)
		}
	}()
	src := []byte(clean(source))
	m := goldmark.New(goldmark.WithExtensions(extension.GFM, extension.DefinitionList),
		goldmark.WithParserOptions(parser.WithAutoHeadingID()),
		goldmark.WithRendererOptions(render.WithNodeRenderers(util.Prioritized(&reading{links}, 1))))
	parsed := m.Parser().Parse(text.NewReader(src), parser.WithContext(parser.NewContext(parser.WithIDs(&anchors{taken: map[string]int{}}))))
	var b bytes.Buffer
	if err := m.Renderer().Render(&b, src, parsed); err != nil {
		return Document{}, fmt.Errorf("markdown to HTML: %w", err)
	}
	return Document{HTML: b.String(), Sections: sections(parsed, src)}, nil
}

func sections(doc ast.Node, src []byte) []Section {
	all := []Section{{}}
	var text strings.Builder
	end := func() {
		all[len(all)-1].Text = strings.TrimSpace(text.String())
		text.Reset()
	}
	for n := doc.FirstChild(); n != nil; n = n.NextSibling() {
		if h, ok := n.(*ast.Heading); ok {
			end()
			id, _ := h.AttributeString("id")
			name, _ := id.([]byte)
			all = append(all, Section{Level: h.Level, ID: string(name), Title: strings.TrimSpace(plainOf(h, src))})
			continue
		}
		text.WriteString(plainOf(n, src) + "\n")
	}
	end()
	if all[0].Text == "" {
		all = all[1:]
	}
	return all
}

// anchors names headings as the readers of code hosts do, so that a link within
// a page leads to the same place there and here: "## git.repo" is #gitrepo.
type anchors struct{ taken map[string]int }

func (a *anchors) Generate(heading []byte, _ ast.NodeKind) []byte {
	name := strings.Map(func(r rune) rune {
		switch {
		case unicode.IsLetter(r) || unicode.IsDigit(r) || r == '-' || r == '_':
			return unicode.ToLower(r)
		case r == ' ':
			return '-'
		}
		return -1
	}, strings.TrimSpace(string(heading)))
	if name == "" {
		name = "section"
	}
	free := name
	for a.taken[free] > 0 { // how often it came says where to go on
		free = name + "-" + strconv.Itoa(a.taken[name])
		a.taken[name]++
	}
	a.taken[free]++
	return []byte(free)
}

func (a *anchors) Put(name []byte) { a.taken[string(name)]++ }

// reading draws what goldmark would let through, leave out or lead elsewhere.
type reading struct{ links Links }

func (r *reading) RegisterFuncs(to render.NodeRendererFuncRegisterer) {
	to.Register(ast.KindRawHTML, r.rawHTML)
	to.Register(ast.KindHTMLBlock, r.htmlBlock)
	to.Register(ast.KindLink, r.link)
	to.Register(ast.KindImage, r.image)
	to.Register(ast.KindAutoLink, r.autoLink)
	to.Register(ast.KindCodeSpan, r.codeSpan)
	to.Register(ast.KindFencedCodeBlock, r.fenced)
	to.Register(ast.KindHeading, r.heading)
	to.Register(east.KindTable, r.table)
}

func (r *reading) rawHTML(w util.BufWriter, src []byte, node ast.Node, entering bool) (ast.WalkStatus, error) {
	if entering {
		segments := node.(*ast.RawHTML).Segments
		for i := range segments.Len() {
			at := segments.At(i)
			writeEscaped(w, string(at.Value(src)))
		}
	}
	return ast.WalkSkipChildren, nil
}

func (r *reading) htmlBlock(w util.BufWriter, src []byte, node ast.Node, entering bool) (ast.WalkStatus, error) {
	if !entering {
		return ast.WalkContinue, nil
	}
	n := node.(*ast.HTMLBlock)
	w.WriteString("<p>")
	writeEscaped(w, linesOf(n, src))
	if n.HasClosure() {
		writeEscaped(w, string(n.ClosureLine.Value(src)))
	}
	w.WriteString("</p>\n")
	return ast.WalkContinue, nil
}

func (r *reading) link(w util.BufWriter, src []byte, node ast.Node, entering bool) (ast.WalkStatus, error) {
	to := string(node.(*ast.Link).Destination)
	href := r.links.To(to)
	switch {
	case href != "" && entering:
		fmt.Fprintf(w, `<a href="%s">`, html.EscapeString(href))
	case href != "":
		w.WriteString("</a>")
	case !entering && to != plainOf(node, src):
		fmt.Fprintf(w, " (<code>%s</code>)", html.EscapeString(to))
	}
	return ast.WalkContinue, nil
}

// image is what an image says; where it lies, nobody may look.
func (r *reading) image(w util.BufWriter, src []byte, node ast.Node, entering bool) (ast.WalkStatus, error) {
	if !entering {
		fmt.Fprintf(w, " (<code>%s</code>)", html.EscapeString(string(node.(*ast.Image).Destination)))
	}
	return ast.WalkContinue, nil
}

func (r *reading) autoLink(w util.BufWriter, src []byte, node ast.Node, entering bool) (ast.WalkStatus, error) {
	if entering {
		writeEscaped(w, string(node.(*ast.AutoLink).Label(src)))
	}
	return ast.WalkContinue, nil
}

func (r *reading) codeSpan(w util.BufWriter, src []byte, node ast.Node, entering bool) (ast.WalkStatus, error) {
	if !entering {
		return ast.WalkContinue, nil
	}
	span, href := plainOf(node, src), ""
	if r.links.Code != nil && !within(node, ast.KindLink) && !within(node, ast.KindHeading) {
		href = r.links.Code(span)
	}
	if href != "" {
		fmt.Fprintf(w, `<a href="%s">`, html.EscapeString(href))
	}
	w.WriteString("<code>")
	writeEscaped(w, span)
	w.WriteString("</code>")
	if href != "" {
		w.WriteString("</a>")
	}
	return ast.WalkSkipChildren, nil
}

func within(n ast.Node, kind ast.NodeKind) bool {
	for ; n != nil; n = n.Parent() {
		if n.Kind() == kind {
			return true
		}
	}
	return false
}

// fenced is a block of code; the second word behind its fence is the file that
// it is the text of.
func (r *reading) fenced(w util.BufWriter, src []byte, node ast.Node, entering bool) (ast.WalkStatus, error) {
	if !entering {
		return ast.WalkContinue, nil
	}
	n := node.(*ast.FencedCodeBlock)
	if n.Info != nil {
		if words := strings.Fields(string(n.Info.Value(src))); len(words) > 1 {
			fmt.Fprintf(w, `<p class="file">%s</p>`+"\n", html.EscapeString(words[1]))
		}
	}
	// A block that is wider than a phone scrolls, which needs the focus of a keyboard.
	w.WriteString(`<pre tabindex="0"><code>`)
	writeEscaped(w, linesOf(n, src))
	w.WriteString("</code></pre>\n")
	return ast.WalkContinue, nil
}

func (r *reading) heading(w util.BufWriter, _ []byte, node ast.Node, entering bool) (ast.WalkStatus, error) {
	n := node.(*ast.Heading)
	id, _ := n.AttributeString("id")
	name, _ := id.([]byte)
	if entering {
		fmt.Fprintf(w, `<h%d id="%s">`, n.Level, html.EscapeString(string(name)))
	} else {
		fmt.Fprintf(w, ` <a class="here" href="#%s" aria-label="link to this section">#</a></h%d>`+"\n", html.EscapeString(string(name)), n.Level)
	}
	return ast.WalkContinue, nil
}

func (r *reading) table(w util.BufWriter, _ []byte, _ ast.Node, entering bool) (ast.WalkStatus, error) {
	if entering {
		w.WriteString(`<div class="table" tabindex="0"><table>` + "\n")
	} else {
		w.WriteString("</table></div>\n")
	}
	return ast.WalkContinue, nil
}

func linesOf(n ast.Node, src []byte) string {
	var b strings.Builder
	lines := n.Lines()
	for i := range lines.Len() {
		at := lines.At(i)
		b.Write(at.Value(src))
	}
	return b.String()
}

func writeEscaped(w util.BufWriter, s string) { w.WriteString(html.EscapeString(s)) }
