package markdown

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/yuin/goldmark/ast"
	east "github.com/yuin/goldmark/extension/ast"
	"github.com/yuin/goldmark/text"

	"runbook/engine/lazyregexp"
)

// ManPage is a page of the manual: what stands around its text.
type ManPage struct {
	Name    string // "runbook-run"
	Section int    // 1 for commands, 7 for what is to be read
	Says    string // one line of markdown, which whatis and apropos find
	Date    string // 2026-11-28; "" = nobody knows
	Made    string // by what, for the foot of the page
}

// Man writes markdown as a page of the manual, in the macros of man(7) alone, which
// every reader of manuals knows. A first heading is left out: the name of the page
// stands there. Tables become lists.
func Man(page ManPage, source string) (out []byte, err error) {
	defer func() { // a parser of other people's that panics must not take the manual along
		if r := recover(); r != nil {
			out, err = nil, fmt.Errorf("markdown to a manual page: %v", r)
		}
	}()
	w := &manual{}
	w.request(".TH", strings.ToUpper(page.Name), strconv.Itoa(page.Section), page.Date, page.Made, page.Made)
	w.WriteString(".nh\n.ad l\n") // what is typed must not be cut by a hyphen, nor spread
	w.request(".SH", "NAME")
	w.fill(roffText(page.Name) + ` \- ` + roffText(strings.TrimSuffix(Plain(page.Says), ".")))
	source = strings.TrimLeft(clean(source), "\n")
	if first, rest, _ := strings.Cut(source, "\n"); strings.HasPrefix(first, "# ") {
		source = strings.TrimLeft(rest, "\n")
	}
	if source != "" && !strings.HasPrefix(source, "#") {
		w.request(".SH", "DESCRIPTION")
	}
	for _, part := range split(source) {
		if part.table != nil {
			part.text = part.table.list()
		}
		w.blocks(part.text)
	}
	return []byte(w.String()), nil
}

// manual is a page as it grows. Requests begin a line with a dot; every other
// line that would is shielded.
type manual struct {
	strings.Builder
	src   []byte
	fresh bool // a heading or the mark of an item stands above: no .PP between
	tight bool // so do the items of the list
}

func (w *manual) request(name string, args ...string) {
	w.WriteString(name)
	for _, a := range args {
		w.WriteString(` "` + strings.ReplaceAll(roffText(strings.Join(strings.Fields(a), " ")), `"`, `\(dq`) + `"`)
	}
	w.WriteByte('\n')
	w.fresh = name == ".SH" || name == ".SS"
}

func (w *manual) blocks(source string) {
	w.src = []byte(source)
	doc := md.Parser().Parse(text.NewReader(w.src))
	for n := doc.FirstChild(); n != nil; n = n.NextSibling() {
		w.block(n)
	}
}

func (w *manual) block(n ast.Node) {
	switch n := n.(type) {
	case *ast.Heading:
		name := ".SS"
		if n.Level < 3 {
			name = ".SH"
		}
		w.request(name, plainOf(n, w.src))
	case *ast.Paragraph, *ast.TextBlock, *ast.HTMLBlock:
		w.paragraph()
		if n.Kind() == ast.KindHTMLBlock {
			w.fill(roffText(linesOf(n, w.src)))
			return
		}
		w.fill(w.inline(n))
	case *ast.CodeBlock, *ast.FencedCodeBlock:
		w.code(linesOf(n, w.src))
	case *ast.List:
		w.list(n)
	case *east.DefinitionList:
		for item := n.FirstChild(); item != nil; item = item.NextSibling() {
			if item.Kind() == east.KindDefinitionTerm {
				w.WriteString(".TP\n")
				w.line(w.inline(item))
				continue
			}
			w.item(item)
		}
	case *ast.Blockquote:
		w.WriteString(".RS 4\n")
		w.fresh = true
		for c := n.FirstChild(); c != nil; c = c.NextSibling() {
			w.block(c)
		}
		w.WriteString(".RE\n")
	case *ast.ThematicBreak:
	default:
		if n.HasChildren() {
			for c := n.FirstChild(); c != nil; c = c.NextSibling() {
				w.block(c)
			}
		}
	}
}

func (w *manual) paragraph() {
	if !w.fresh {
		w.WriteString(".PP\n")
	}
	w.fresh = false
}

// code keeps its lines, set in by four.
func (w *manual) code(body string) {
	w.paragraph()
	w.WriteString(".RS 4\n.nf\n")
	for line := range strings.Lines(strings.TrimRight(body, "\n")) {
		w.line(roffCode(strings.ReplaceAll(strings.TrimRight(line, "\n"), "\t", "    ")))
	}
	w.WriteString(".fi\n.RE\n")
}

func (w *manual) list(n *ast.List) {
	at, above := n.Start, w.tight
	for item := n.FirstChild(); item != nil; item = item.NextSibling() {
		if n.IsOrdered() {
			fmt.Fprintf(w, ".IP %d. 4\n", at)
			at++
		} else {
			w.WriteString(".IP \\(bu 2\n")
		}
		w.distance(n.IsTight)
		w.item(item)
	}
	w.distance(above)
}

// distance is whether items stand close to each other from here on.
func (w *manual) distance(tight bool) {
	switch {
	case tight == w.tight:
	case tight:
		w.WriteString(".PD 0\n")
	default:
		w.WriteString(".PD\n")
	}
	w.tight = tight
}

// item is what stands behind a mark; its further blocks are set in as far.
func (w *manual) item(item ast.Node) {
	w.fresh = true
	inset := false
	for c := item.FirstChild(); c != nil; c = c.NextSibling() {
		if c != item.FirstChild() && !inset {
			w.WriteString(".RS\n")
			inset = true
			w.fresh = true
		}
		w.block(c)
	}
	if inset {
		w.WriteString(".RE\n")
	}
	if item.FirstChild() == nil {
		w.line(`\&`)
	}
	w.fresh = false
}

// inline is a block's text with bold and italics. A code span is bold, as what is
// typed is in a manual.
func (w *manual) inline(block ast.Node) string {
	var b strings.Builder
	_ = ast.Walk(block, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		switch n := n.(type) {
		case *ast.Text:
			if entering {
				b.WriteString(roffText(meaning(n, w.src)))
				if n.SoftLineBreak() || n.HardLineBreak() {
					b.WriteByte(' ')
				}
			}
		case *ast.String:
			if entering {
				b.WriteString(roffText(string(n.Value)))
			}
		case *ast.CodeSpan:
			if entering {
				b.WriteString(`\fB` + roffCode(plainOf(n, w.src)) + `\fR`)
			}
			return ast.WalkSkipChildren, nil
		case *ast.Emphasis:
			switch {
			case !entering:
				b.WriteString(`\fR`)
			case n.Level == 2:
				b.WriteString(`\fB`)
			default:
				b.WriteString(`\fI`)
			}
		case *ast.Link:
			if to := string(n.Destination); !entering && !strings.HasPrefix(to, "#") && to != plainOf(n, w.src) {
				b.WriteString(" (" + roffText(to) + ")")
			}
		case *ast.Image:
			if !entering {
				b.WriteString(" (" + roffText(string(n.Destination)) + ")")
			}
		case *ast.AutoLink:
			if entering {
				b.WriteString(roffText(string(n.Label(w.src))))
			}
		case *ast.RawHTML:
			if entering {
				for i := range n.Segments.Len() {
					at := n.Segments.At(i)
					b.WriteString(roffText(string(at.Value(w.src))))
				}
			}
			return ast.WalkSkipChildren, nil
		}
		return ast.WalkContinue, nil
	})
	return b.String()
}

var sentenceEnd = lazyregexp.New(`[.!?][)"]?(\\fR)?$`)

// fill writes text that a reader of manuals fills: a new line for each sentence,
// and none that is long, as they like it.
func (w *manual) fill(s string) {
	const longest = 76
	line, n := "", 0
	for _, word := range strings.Fields(s) {
		wide := sourceWidth(word)
		if line != "" && (n+1+wide > longest || sentenceEnd().MatchString(line)) {
			w.line(line)
			line, n = "", 0
		}
		if line != "" {
			line, n = line+" ", n+1
		}
		line, n = line+word, n+wide
	}
	if line != "" {
		w.line(line)
	}
}

// sourceWidth is how long a word is where only ASCII is: "…" is \[u2026].
func sourceWidth(word string) int {
	n := 0
	for _, r := range word {
		if n++; r >= 0x80 {
			n += 7
		}
	}
	return n
}

// line writes one line that is no request.
func (w *manual) line(s string) {
	if s == "" || strings.HasPrefix(s, ".") || strings.HasPrefix(s, "'") || strings.HasPrefix(s, " ") {
		s = `\&` + s
	}
	w.WriteString(strings.TrimRight(s, " ") + "\n")
}

// roffText is text of which roff obeys nothing.
func roffText(s string) string {
	return strings.NewReplacer(`\`, `\e`, "\n", " ", "\t", " ").Replace(s)
}

// roffCode is text that is typed: what roff would set as a hyphen, a quote or an
// accent stays the character that it is.
func roffCode(s string) string {
	return strings.NewReplacer(`\`, `\e`, "\n", " ", "\t", " ", "-", `\-`, "'", `\(aq`, "`", `\(ga`, "^", `\(ha`, "~", `\(ti`).Replace(s)
}
