package engine

import (
	"strings"
	"unicode/utf8"
)

// surroundings are what a place in a text stands in, as the characters before
// it tell: a text that is being typed seldom parses.
type surroundings struct {
	comment bool
	quote   int   // where the string began that it stands in; -1: in none
	open    []int // the brackets that are open there, outermost first
}

// surroundingsOf reads the text up to an offset in bytes.
func surroundingsOf(text string, end int) surroundings {
	s := surroundings{quote: -1}
	for i := 0; i < end; {
		switch c := text[i]; c {
		case '#':
			n := strings.IndexByte(text[i:], '\n')
			if n < 0 || i+n >= end {
				s.comment = true
				return s
			}
			i += n
		case '"', '\'':
			n := stringLength(text[i:])
			if i+n > end || i+n == end && !closed(text[i:i+n]) {
				s.quote = i
				return s
			}
			i += n
		case '(', '[', '{':
			s.open = append(s.open, i)
			i++
		case ')', ']', '}':
			if len(s.open) > 0 {
				s.open = s.open[:len(s.open)-1]
			}
			i++
		default:
			i++
		}
	}
	return s
}

// stringLength is how many bytes the string takes that a text begins with, to
// its closing quotes, or to where it is cut off.
func stringLength(text string) int {
	quote := quotesOf(text)
	for i := len(quote); i < len(text); i++ {
		switch {
		case text[i] == '\\':
			i++
		case strings.HasPrefix(text[i:], quote):
			return i + len(quote)
		case text[i] == '\n' && len(quote) == 1:
			return i
		}
	}
	return len(text)
}

func quotesOf(text string) string {
	if strings.HasPrefix(text, `"""`) || strings.HasPrefix(text, "'''") {
		return text[:3]
	}
	return text[:1]
}

func closed(s string) bool {
	quote := quotesOf(s)
	return len(s) >= 2*len(quote) && stringLength(s) == len(s) && strings.HasSuffix(s, quote)
}

// offsetAt is where a line and a column lie, both from one, the column in
// characters; the nearest place when the text has no such one.
func offsetAt(text string, line, column int) int {
	at := lineStart(text, line)
	for ; column > 1 && at < len(text) && text[at] != '\n'; column-- {
		_, size := utf8.DecodeRuneInString(text[at:])
		at += size
	}
	return at
}

func lineStart(text string, line int) int {
	at := 0
	for ; line > 1; line-- {
		n := strings.IndexByte(text[at:], '\n')
		if n < 0 {
			return len(text)
		}
		at += n + 1
	}
	return at
}

func isWordByte(c byte) bool {
	return c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

// wordAround is the identifier that a place touches; start equals end when it
// touches none.
func wordAround(text string, at int) (start, end int) {
	start, end = at, at
	for start > 0 && isWordByte(text[start-1]) {
		start--
	}
	for end < len(text) && isWordByte(text[end]) {
		end++
	}
	return start, end
}
