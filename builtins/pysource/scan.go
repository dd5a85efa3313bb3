package pysource

import (
	"bytes"
	"fmt"
	"unicode"
	"unicode/utf8"
)

// Error says where a source could not be read, and why. Line counts from 1,
// Col in bytes from 0.
type Error struct {
	Line, Col int
	Text      string
}

func (e *Error) Error() string { return fmt.Sprintf("%d:%d: %s", e.Line, e.Col+1, e.Text) }

// sort is what a token is.
type sort byte

const (
	end sort = iota
	newline
	indent
	dedent
	word   // a name or keyword
	text   // a string, with its prefix
	number // and what else is a value without parts
	op
)

// token is a piece of the source. Its place is that of its first byte.
type token struct {
	text      string
	line, col int32
	sort      sort
	prefix    int8 // of a string: length of the letters before the quote
	quote     int8 // of a string: length of the quote, 1 or 3
}

// inner is what stands between the quotes of a string.
func (t *token) inner() string { return t.text[t.prefix+t.quote : len(t.text)-int(t.quote)] }

// scanner cuts a source into tokens, as tokenize of Python does.
type scanner struct {
	src     []byte
	whole   string // the same: tokens are parts of it
	at      int    // next byte
	line    int
	start   int // of the line
	depth   []byte
	indents []margin
	tokens  []token
	fields  int // f-strings around this place
}

// margin is an indentation, measured with tabs of eight and of one: where the
// two disagree about which is deeper, so might a reader.
type margin struct{ wide, narrow int }

const maxFields = 100 // of f-strings within f-strings

// scan returns the tokens of a source; the last is end. line and col are where
// it begins: 1 and 0, but for what stands in an f-string.
func scan(src []byte) ([]token, error) {
	src = bytes.TrimPrefix(src, []byte("\xef\xbb\xbf"))
	s := &scanner{src: src, whole: string(src), line: 1, indents: []margin{{}}, tokens: make([]token, 0, len(src)/4+8)}
	if err := s.all(); err != nil {
		return nil, err
	}
	return s.tokens, nil
}

func (s *scanner) fail(at int, format string, args ...any) error {
	return &Error{Line: s.line, Col: at - s.start, Text: fmt.Sprintf(format, args...)}
}

func (s *scanner) add(kind sort, from int) {
	s.tokens = append(s.tokens, token{sort: kind, line: int32(s.line), col: int32(from - s.start), text: s.whole[from:s.at]})
}

func (s *scanner) all() error {
	fresh := true // at the beginning of a logical line
	for {
		if fresh {
			blank, err := s.margin()
			if err != nil {
				return err
			}
			if blank {
				if s.at >= len(s.src) {
					break
				}
				continue
			}
			fresh = false
		}
		if s.at >= len(s.src) {
			break
		}
		switch c := s.src[s.at]; {
		case c == ' ' || c == '\t' || c == '\f':
			s.at++
		case c == '#':
			s.skipComment()
		case c == '\n' || c == '\r':
			from := s.at
			if len(s.depth) == 0 {
				s.tokens = append(s.tokens, token{sort: newline, line: int32(s.line), col: int32(from - s.start)})
				fresh = true
			}
			s.endLine()
		case c == '\\':
			s.at++
			if s.at >= len(s.src) || s.src[s.at] != '\n' && s.src[s.at] != '\r' {
				return s.fail(s.at-1, "unexpected character after line continuation character")
			}
			s.endLine()
		default:
			if err := s.token(); err != nil {
				return err
			}
		}
	}
	if len(s.depth) > 0 {
		return s.fail(s.at, "'%c' was never closed", s.depth[len(s.depth)-1])
	}
	if n := len(s.tokens); n > 0 && s.tokens[n-1].sort != newline && s.tokens[n-1].sort != dedent {
		s.tokens = append(s.tokens, token{sort: newline, line: int32(s.line), col: int32(s.at - s.start)})
	}
	for range s.indents[1:] {
		s.tokens = append(s.tokens, token{sort: dedent, line: int32(s.line)})
	}
	s.tokens = append(s.tokens, token{sort: end, line: int32(s.line)})
	return nil
}

// endLine goes past the end of a line: \n, \r\n or \r.
func (s *scanner) endLine() {
	if s.src[s.at] == '\r' && s.at+1 < len(s.src) && s.src[s.at+1] == '\n' {
		s.at++
	}
	s.at++
	s.line++
	s.start = s.at
}

func (s *scanner) skipComment() {
	for s.at < len(s.src) && s.src[s.at] != '\n' && s.src[s.at] != '\r' {
		s.at++
	}
}

// margin reads the white space before a line, and reports whether nothing
// follows it.
func (s *scanner) margin() (blank bool, err error) {
	var m margin
	for ; s.at < len(s.src); s.at++ {
		switch s.src[s.at] {
		case ' ':
			m.wide++
			m.narrow++
			continue
		case '\t':
			m.wide = (m.wide/8 + 1) * 8
			m.narrow++
			continue
		case '\f':
			m = margin{}
			continue
		case '#':
			s.skipComment()
		}
		break
	}
	if s.at >= len(s.src) {
		return true, nil
	}
	if c := s.src[s.at]; c == '\n' || c == '\r' {
		s.endLine()
		return true, nil
	}
	if s.src[s.at] == '\\' && s.at+1 < len(s.src) && (s.src[s.at+1] == '\n' || s.src[s.at+1] == '\r') && len(s.indents) == 1 && m == (margin{}) {
		// A continuation before anything else: the next line has the margin.
		s.at++
		s.endLine()
		return true, nil
	}
	top := s.indents[len(s.indents)-1]
	switch {
	case m == top:
	case m.wide > top.wide && m.narrow > top.narrow:
		s.indents = append(s.indents, m)
		s.tokens = append(s.tokens, token{sort: indent, line: int32(s.line)})
	default:
		for m.wide < s.indents[len(s.indents)-1].wide {
			s.indents = s.indents[:len(s.indents)-1]
			s.tokens = append(s.tokens, token{sort: dedent, line: int32(s.line)})
		}
		if top = s.indents[len(s.indents)-1]; m != top {
			if m.wide == top.wide {
				return false, s.fail(s.at, "inconsistent use of tabs and spaces in indentation")
			}
			return false, s.fail(s.at, "unindent does not match any outer indentation level")
		}
	}
	return false, nil
}

func (s *scanner) token() error {
	c := s.src[s.at]
	from := s.at
	switch {
	case c == '"' || c == '\'':
		return s.text(from)
	case isLetter(c):
		for s.at < len(s.src) && (isLetter(s.src[s.at]) || isDigit(s.src[s.at])) {
			s.at++
		}
		if s.at < len(s.src) && (s.src[s.at] == '"' || s.src[s.at] == '\'') && isPrefix(s.src[from:s.at]) {
			return s.text(from)
		}
		if err := s.checkName(from); err != nil {
			return err
		}
		s.add(word, from)
	case isDigit(c) || c == '.' && s.at+1 < len(s.src) && isDigit(s.src[s.at+1]):
		s.number()
		s.add(number, from)
	default:
		return s.operator(c)
	}
	return nil
}

// checkName refuses what Python would refuse in a name: a sign that is no letter.
func (s *scanner) checkName(from int) error {
	for i, r := range string(s.src[from:s.at]) {
		if r < utf8.RuneSelf || unicode.In(r, unicode.L, unicode.Nl, unicode.Other_ID_Start) || i > 0 && unicode.In(r, unicode.Mn, unicode.Mc, unicode.Nd, unicode.Pc, unicode.Other_ID_Continue) {
			continue
		}
		return s.fail(from+i, "invalid character %q (U+%04X)", r, r)
	}
	return nil
}

// number goes past a number: digits, letters (hex, exponents, j), points, and a
// sign after an exponent. That it is a valid one is not its concern.
func (s *scanner) number() {
	hex := s.src[s.at] == '0' && s.at+1 < len(s.src) && (s.src[s.at+1]|0x20) == 'x'
	whole := !hex // neither a point nor an exponent was met
	for s.at < len(s.src) {
		c := s.src[s.at]
		switch {
		case isDigit(c) || c == '_':
		case c == '.' && whole: // 1.5.real has two, and the second is another one
			whole = false
		case c < utf8.RuneSelf && isLetter(c):
			// 1if x else y: a keyword may follow at once.
			if !hex && s.keywordFollows() {
				return
			}
			if (c|0x20) == 'e' && !hex {
				whole = false
				if s.at+1 < len(s.src) && (s.src[s.at+1] == '+' || s.src[s.at+1] == '-') {
					s.at++
				}
			}
		default:
			return
		}
		s.at++
	}
}

func (s *scanner) keywordFollows() bool {
	n := s.at
	for n < len(s.src) && isLetter(s.src[n]) {
		n++
	}
	switch string(s.src[s.at:n]) {
	case "if", "else", "or", "and", "in", "is", "for", "not":
		return true
	}
	return false
}

func (s *scanner) operator(c byte) error {
	from := s.at
	if n := s.long(c); n > 0 {
		s.at += n
		s.add(op, from)
		return nil
	}
	switch c {
	case '(', '[', '{':
		if len(s.depth) >= maxDeep {
			return s.fail(from, "too many nested parentheses")
		}
		s.depth = append(s.depth, c)
	case ')', ']', '}':
		n := len(s.depth) - 1
		if n < 0 {
			return s.fail(from, "unmatched '%c'", c)
		}
		if open := s.depth[n]; open == '(' && c != ')' || open == '[' && c != ']' || open == '{' && c != '}' {
			return s.fail(from, "closing parenthesis '%c' does not match opening parenthesis '%c'", c, open)
		}
		s.depth = s.depth[:n]
	case '+', '-', '*', '/', '%', '@', '&', '|', '^', '~', '<', '>', ',', ':', '.', ';', '=':
	default:
		return s.fail(from, "invalid syntax")
	}
	s.at++
	s.add(op, from)
	return nil
}

// long is the length of an operator of several characters; 0 = c stands alone.
func (s *scanner) long(c byte) int {
	next := func(i int) byte {
		if s.at+i < len(s.src) {
			return s.src[s.at+i]
		}
		return 0
	}
	switch {
	case c == '.' && next(1) == '.' && next(2) == '.':
		return 3
	case (c == '*' || c == '/' || c == '<' || c == '>') && next(1) == c:
		if next(2) == '=' {
			return 3
		}
		return 2
	case c == '-' && next(1) == '>':
		return 2
	case next(1) == '=':
		switch c {
		case '!', ':', '<', '>', '=', '+', '-', '*', '/', '%', '&', '|', '^', '@':
			return 2
		}
	}
	return 0
}

func isLetter(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c >= utf8.RuneSelf
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }
