package lsp

import (
	"sort"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// Text is a file as an editor holds it. Editors count lines from zero, and
// characters in UTF-16; recipes count both from one, and characters as such.
type Text struct {
	s     string
	lines []int // where each begins, in bytes
}

// NewText indexes a text. Bytes that are no UTF-8 become U+FFFD.
func NewText(s string) *Text {
	t := &Text{s: strings.ToValidUTF8(s, "\uFFFD"), lines: []int{0}}
	for i := 0; i < len(t.s); i++ {
		switch t.s[i] {
		case '\n':
			t.lines = append(t.lines, i+1)
		case '\r':
			if i+1 == len(t.s) || t.s[i+1] != '\n' {
				t.lines = append(t.lines, i+1)
			}
		}
	}
	return t
}

func (t *Text) String() string { return t.s }

// position is a place as an editor says it.
type position struct {
	Line      int `json:"line"`
	Character int `json:"character"`
}

type span struct {
	Start position `json:"start"`
	End   position `json:"end"`
}

// line is a line without its end; "" for one that is not there.
func (t *Text) line(n int) string {
	if n < 0 || n >= len(t.lines) {
		return ""
	}
	end := len(t.s)
	if n+1 < len(t.lines) {
		end = t.lines[n+1]
	}
	return strings.TrimRight(t.s[t.lines[n]:end], "\r\n")
}

// offset is where a position lies in bytes: the nearest place when there is no
// such one, as the protocol wants it.
func (t *Text) offset(p position) int {
	switch {
	case p.Line < 0:
		return 0
	case p.Line >= len(t.lines):
		return len(t.s)
	}
	at := t.lines[p.Line]
	units := p.Character
	for _, r := range t.line(p.Line) {
		n := max(utf16.RuneLen(r), 1)
		if units < n {
			break // also in the middle of a pair
		}
		units -= n
		at += utf8.RuneLen(r)
	}
	return at
}

// position is where an offset in bytes lies.
func (t *Text) position(offset int) position {
	offset = min(max(offset, 0), len(t.s))
	n := sort.Search(len(t.lines), func(i int) bool { return t.lines[i] > offset }) - 1
	return position{n, units(t.s[t.lines[n]:offset])}
}

// units is how many UTF-16 code units a text has.
func units(s string) int {
	n := 0
	for _, r := range s {
		n += max(utf16.RuneLen(r), 1)
	}
	return n
}

// fromCursor is a position as recipes count.
func (t *Text) fromCursor(p position) (line, column int) {
	at := t.offset(p)
	n := t.position(at).Line
	return n + 1, utf8.RuneCountInString(t.s[t.lines[n]:at]) + 1
}

// place is a position of an editor for a line and a column as recipes count.
func (t *Text) place(line, column int) position {
	n := min(max(line-1, 0), len(t.lines)-1)
	units := 0
	for _, r := range t.line(n) {
		if column <= 1 {
			break
		}
		column--
		units += max(utf16.RuneLen(r), 1)
	}
	return position{n, units}
}

// word is the identifier that begins at a place, or the rest of the line up to
// the next blank; at the end of a line it is empty.
func (t *Text) word(line, column int) (string, span) {
	start := t.place(line, column)
	rest := t.line(start.Line)
	rest = rest[min(t.offset(start)-t.lines[start.Line], len(rest)):]
	end := 0
	for end < len(rest) && isWord(rest[end]) {
		end++
	}
	if end == 0 {
		if end = strings.IndexAny(rest, " \t"); end < 0 {
			end = len(rest)
		}
	}
	return rest[:end], span{start, position{start.Line, start.Character + units(rest[:end])}}
}

func isWord(c byte) bool {
	return c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

// change is one edit of an editor; without a range it is the whole text.
type change struct {
	Range *span  `json:"range"`
	Text  string `json:"text"`
}

// edited is the text after an edit.
func (t *Text) edited(c change) *Text {
	if c.Range == nil {
		return NewText(c.Text)
	}
	start, end := t.offset(c.Range.Start), t.offset(c.Range.End)
	if end < start {
		start, end = end, start
	}
	return NewText(t.s[:start] + c.Text + t.s[end:])
}
