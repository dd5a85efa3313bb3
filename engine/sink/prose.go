package sink

import (
	"strings"

	"github.com/charmbracelet/x/ansi"
)

// wrap breaks spans into lines of at most width columns, between words; a word
// that is wider than a line is broken where it must be. used columns of the
// first line are taken already.
func wrap(spans []span, width, used int) [][]span {
	width = max(1, width)
	var lines [][]span
	var line []span
	at, empty := used, true
	for _, w := range words(spans) {
		if n := widthOf(w); !empty && at+1+n > width {
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
		for at+widthOf(w) > width {
			head, tail := split(w, width-at)
			if len(head) == 0 { // not even one character fits beside what is there
				if at == 0 {
					break
				}
			} else {
				line = append(line, head...)
			}
			lines, line, at, w = append(lines, line), nil, 0, tail
		}
		line = append(line, w...)
		at += widthOf(w)
		empty = false
	}
	if len(line) > 0 || len(lines) == 0 {
		lines = append(lines, line)
	}
	return lines
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

// split cuts a word after at most n columns.
func split(word []span, n int) (head, tail []span) {
	for i, s := range word {
		w := s.width()
		if w <= n {
			head, n = append(head, s), n-w
			continue
		}
		if cut := ansi.Truncate(s.text, max(0, n), ""); cut != "" {
			if rest, ok := strings.CutPrefix(s.text, cut); ok && rest != "" {
				head = append(head, span{cut, s.ink})
				s.text = rest
			}
		}
		return head, append([]span{s}, word[i+1:]...)
	}
	return head, nil
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

// inline turns code spans and **bold** into inks. Without colour the marks
// stay: they are then all that tells a command from a word.
func (p *page) inline(s string) []span {
	if !p.color {
		return []span{{strings.ReplaceAll(s, "**", ""), plain}}
	}
	var out []span
	for s != "" {
		i := strings.IndexAny(s, "`*")
		if i < 0 {
			break
		}
		mark, in := s[i:i+1], code
		if strings.HasPrefix(s[i:], "**") {
			mark, in = "**", bold
		}
		end := -1
		if mark != "*" {
			end = strings.Index(s[i+len(mark):], mark)
		}
		if end <= 0 { // no pair: as it stands
			out = append(out, span{s[:i+len(mark)], plain})
			s = s[i+len(mark):]
			continue
		}
		inner := s[i+len(mark):][:end]
		out = append(out, span{s[:i], plain}, span{inner, in})
		s = s[i+len(mark)+end+len(mark):]
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
	if b.code {
		right = p.width
	}
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
	if b.code && gutter+b.indent+widthOf(b.spans) <= right {
		p.line(append([]span{lead, spaces(b.indent)}, b.spans...)...) // its spaces mean something
		return
	}
	indent := b.indent
	for _, l := range wrap(b.spans, right-gutter-b.hang, b.indent-b.hang) {
		p.line(append([]span{lead, spaces(indent)}, l...)...)
		lead, indent = spaces(gutter), b.hang
	}
}
