package probe

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// literal is a string, a number or a tuple as Python's repr() writes it.
type literal struct {
	text   string // of a string: decoded and clean; of a number or name: as it stands
	quoted bool
	items  []literal // of a tuple, one or more; nil otherwise
}

// parseLiteral reads all of s as one literal.
func parseLiteral(s string) (literal, bool) {
	p := literalParser{rest: s}
	v, ok := p.value(0)
	p.space()
	return v, ok && p.rest == ""
}

type literalParser struct{ rest string }

func (p *literalParser) space() { p.rest = strings.TrimLeft(p.rest, " ") }

func (p *literalParser) eat(c byte) bool {
	if p.rest == "" || p.rest[0] != c {
		return false
	}
	p.rest = p.rest[1:]
	return true
}

func (p *literalParser) value(depth int) (literal, bool) {
	p.space()
	switch {
	case p.rest == "" || depth > 4:
		return literal{}, false
	case p.eat('('):
		return p.tuple(depth)
	case p.rest[0] == '\'' || p.rest[0] == '"':
		return p.quoted()
	}
	end := strings.IndexAny(p.rest, ",() '\"")
	if end < 0 {
		end = len(p.rest)
	}
	word := p.rest[:end]
	p.rest = p.rest[end:]
	return literal{text: word}, word != ""
}

func (p *literalParser) tuple(depth int) (literal, bool) {
	var t literal
	for {
		p.space()
		if p.eat(')') {
			return t, len(t.items) > 0
		}
		item, ok := p.value(depth + 1)
		if !ok {
			return literal{}, false
		}
		t.items = append(t.items, item)
		p.space()
		if !p.eat(',') && !strings.HasPrefix(p.rest, ")") {
			return literal{}, false
		}
	}
}

// pythonEscapes are the escapes of one letter that repr() writes, and the few
// more that people write.
var pythonEscapes = map[byte]byte{
	'\\': '\\', '\'': '\'', '"': '"', 'n': '\n', 't': '\t', 'r': '\r', 'a': 7, 'b': 8, 'f': 12, 'v': 11, '0': 0,
}

func (p *literalParser) quoted() (literal, bool) {
	quote := p.rest[0]
	p.rest = p.rest[1:]
	var b []byte
	for p.rest != "" {
		c := p.rest[0]
		p.rest = p.rest[1:]
		switch {
		case c == quote:
			return literal{text: Clean(b), quoted: true}, true
		case c != '\\':
			b = append(b, c)
		case !p.escape(&b):
			return literal{}, false
		}
	}
	return literal{}, false
}

// escape decodes what follows a backslash.
func (p *literalParser) escape(b *[]byte) bool {
	if p.rest == "" {
		return false
	}
	c := p.rest[0]
	p.rest = p.rest[1:]
	if plain, ok := pythonEscapes[c]; ok {
		*b = append(*b, plain)
		return true
	}
	digits := map[byte]int{'x': 2, 'u': 4, 'U': 8}[c]
	if digits == 0 || len(p.rest) < digits {
		return false
	}
	n, err := strconv.ParseUint(p.rest[:digits], 16, 32)
	if err != nil {
		return false
	}
	p.rest = p.rest[digits:]
	r := rune(utf8.RuneError)
	if n <= utf8.MaxRune {
		r = rune(n)
	}
	*b = utf8.AppendRune(*b, r) // of a surrogate: U+FFFD
	return true
}
