package sink

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/charmbracelet/x/ansi"
)

// wrap breaks spans into lines of at most width columns, between words; a word
// that is wider than a line is broken where it must be, unless its ink says that
// it is copied: it stands whole on a line of its own then. used columns of the
// first line are taken already.
func wrap(spans []span, width, used int) [][]span {
	width = max(1, width)
	var lines [][]span
	var line []span
	at, empty := used, true
	for _, w := range words(spans) {
		n := widthOf(w)
		if !empty && at+1+n > width {
			lines, line, at, empty = append(lines, line), nil, 0, true
		}
		if !empty {
			gap := spaces(1)
			if last := line[len(line)-1]; last.ink == w[0].ink {
				gap.ink = last.ink
			}
			line = append(line, gap)
			at++
		}
		if at+n > width && !copied(w, n) {
			lines, line, at = breakWord(lines, line, at, w, width)
			empty = false
			continue
		}
		line = append(line, w...)
		at += n
		empty = false
	}
	if len(line) > 0 || len(lines) == 0 {
		lines = append(lines, line)
	}
	return lines
}

// maxCommand is more columns than anybody copies: what is wider is broken, and
// cut, like any text. A hostile process may give itself a title of a million.
const maxCommand = 10_000

// copied reports whether a line, or a word of it, of so many columns is to be
// copied as it stands.
func copied(spans []span, columns int) bool {
	return columns <= maxCommand && slices.ContainsFunc(spans, func(s span) bool { return s.ink == code || s.ink == whole })
}

// words splits at spaces. One word may have several inks: **bold**, then a comma.
func words(spans []span) [][]span {
	var out [][]span
	var word []span
	end := func() {
		if len(word) > 0 {
			out, word = append(out, word), nil
		}
	}
	for _, s := range spans {
		for i, part := range strings.Split(s.text, " ") {
			if i > 0 {
				end()
			}
			if part != "" {
				word = append(word, span{part, s.ink})
			}
		}
	}
	end()
	return out
}

// breakWord lays a word that is wider than a line into as many as it takes. Each
// character is looked at once: a word of a million letters is a title that a
// hostile process gave itself.
func breakWord(lines [][]span, line []span, at int, word []span, width int) ([][]span, []span, int) {
	for _, s := range word {
		for s.text != "" {
			size, columns := prefix(s.text, width-at)
			if size == 0 && at > 0 { // not even one character fits beside what is there
				lines, line, at = append(lines, line), nil, 0
				continue
			}
			if size == 0 { // nor anywhere else: line cuts it
				size, columns = character(s.text)
			}
			line = append(line, span{s.text[:size], s.ink})
			at += columns
			s.text = s.text[size:]
		}
	}
	return lines, line, at
}

// prefix is how many bytes of s find room in n columns, and how many of these
// they take.
func prefix(s string, n int) (size, columns int) {
	for size < len(s) {
		bytes, wide := character(s[size:])
		if columns+wide > n {
			break
		}
		size += bytes
		columns += wide
	}
	return size, columns
}

// character measures the first character of s, as ansi.StringWidth does.
func character(s string) (bytes, columns int) {
	if s[0] < utf8.RuneSelf {
		return 1, ansi.StringWidth(s[:1])
	}
	_, columns, bytes, _ = ansi.DecodeSequence(s, ansi.NormalState, nil)
	return max(1, bytes), columns
}

// block is a paragraph, a list item or a line of code.
type block struct {
	indent, hang int
	spans        []span
	code         bool
}

// blocks reads the little markdown that means and do are written in:
// paragraphs, lists, fenced or indented code, code spans and **bold**. Glamour
// would cost a page of margins for two sentences.
func (p *page) blocks(md string) []block {
	var out []block
	open := false // the last block takes more lines of its paragraph
	fence := ""
	for _, line := range strings.Split(md, "\n") {
		text := strings.TrimSpace(line)
		switch {
		case fence != "":
			if strings.HasPrefix(text, fence) {
				fence = ""
				continue
			}
			out = append(out, block{2, 4, []span{{strings.TrimRight(line, " "), code}}, true})
		case strings.HasPrefix(text, "```"), strings.HasPrefix(text, "~~~"):
			fence, open = text[:3], false
		case text == "":
			open = false
		case !open && strings.HasPrefix(line, "    "):
			out = append(out, block{2, 4, []span{{text, code}}, true})
		case itemMark(text) > 0:
			n := itemMark(text)
			mark := text[:n]
			if n == 2 {
				mark = p.bullet + " "
			}
			out = append(out, block{0, ansi.StringWidth(mark), append([]span{{mark, plain}}, p.inline(text[n:])...), false})
			open = true
		case open:
			last := &out[len(out)-1]
			last.spans = append(append(last.spans, spaces(1)), p.inline(text)...)
		default:
			out = append(out, block{0, 0, p.inline(text), false})
			open = true
		}
	}
	return out
}

// itemMark is how long "- ", "* " or "12. " at the beginning of a line is.
func itemMark(s string) int {
	if strings.HasPrefix(s, "- ") || strings.HasPrefix(s, "* ") {
		return 2
	}
	if n := strings.IndexByte(s, '.'); n > 0 && n <= 3 && strings.Trim(s[:n], "0123456789") == "" && strings.HasPrefix(s[n:], ". ") {
		return n + 2
	}
	return 0
}

// inline turns code spans and **bold** into inks. A code span is one word to wrap,
// whatever spaces are in it. Without colour its marks stay: they are then all that
// tells a command from a word.
func (p *page) inline(s string) []span {
	out := codeSpans(s, !p.color)
	for i := range out {
		if out[i].ink == code {
			out[i].text = strings.ReplaceAll(out[i].text, " ", nbsp)
		}
	}
	return out
}

// codeSpans takes the marks of **bold** away, and of code spans unless these are
// kept. As in markdown, a name with a backtick in it stands between two. A
// percentage is one word.
func codeSpans(s string, kept bool) []span {
	var out []span
	s = strings.ReplaceAll(s, " %", nbsp+"%")
	for s != "" {
		i := strings.IndexAny(s, "`*")
		if i < 0 {
			break
		}
		mark, in := s[i:i+1], code
		if mark == "`" {
			mark = s[i : len(s)-len(strings.TrimLeft(s[i:], "`"))]
		}
		if strings.HasPrefix(s[i:], "**") {
			mark, in = "**", bold
		}
		end := -1
		if mark != "*" {
			end = strings.Index(s[i+len(mark):], mark)
		}
		if end > 0 && in == bold && strings.ContainsRune(" /", rune(s[i+2])) {
			end = -1 // a pattern of files: src/** tests/**
		}
		if end <= 0 { // no pair: as it stands
			out = append(out, span{s[:i+len(mark)], plain})
			s = s[i+len(mark):]
			continue
		}
		whole := s[i : i+len(mark)+end+len(mark)]
		inner := whole[len(mark) : len(mark)+end]
		switch {
		case in == code && kept:
			inner = whole
		case in == code && len(mark) > 1:
			inner = strings.TrimSuffix(strings.TrimPrefix(inner, " "), " ")
		}
		out = append(out, span{s[:i], plain}, span{inner, in})
		s = s[i+len(whole):]
	}
	return append(out, span{s, plain})
}

// labelled draws prose beside its label in a gutter; on a narrow page the
// label begins the text.
func (p *page) labelled(label span, gutter int, md string) {
	for i, b := range p.blocks(md) {
		lead := span{}
		if i == 0 {
			lead = label
		}
		p.beside(lead, gutter, b)
	}
}

func (p *page) beside(label span, gutter int, b block) {
	right := p.measure()
	lead := spaces(gutter)
	switch {
	case p.narrow():
		gutter, lead = 2, spaces(2)
		if label.text == "" {
			break
		}
		if b.code {
			p.line(lead, span{label.text + ":", label.ink})
		} else {
			b.spans = append([]span{{label.text + ": ", label.ink}}, b.spans...)
			b.hang += 2
		}
	case label.text != "":
		lead = span{label.text + strings.Repeat(" ", max(1, gutter-label.width())), label.ink}
	}
	if n := widthOf(b.spans); b.code && (gutter+b.indent+n <= p.width || copied(b.spans, n)) {
		p.line(append([]span{lead, spaces(b.indent)}, b.spans...)...) // its spaces mean something
		return
	}
	indent := b.indent
	for _, l := range wrap(b.spans, right-gutter-b.hang, b.indent-b.hang) {
		p.line(append([]span{lead, spaces(indent)}, l...)...)
		lead, indent = spaces(gutter), b.hang
	}
}
