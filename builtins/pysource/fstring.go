package pysource

import (
	"bytes"
	"strconv"
	"strings"
)

// fields returns the expressions in an f-string token, in order, those of its
// format specifications included.
func fields(t token) []string {
	body := t.inner()
	raw := strings.ContainsAny(t.text[:t.prefix], "rR")
	var out []string
	for i := 0; i < len(body); {
		switch {
		case body[i] == '\\' && !raw && strings.HasPrefix(body[i:], `\N{`):
			if n := strings.IndexByte(body[i:], '}'); n > 0 {
				i += n
			}
			i++
		case body[i] == '\\' && i+1 < len(body) && body[i+1] != '{' && body[i+1] != '}':
			i += 2
		case strings.HasPrefix(body[i:], "{{"):
			i += 2
		case body[i] == '{':
			n, found := field(body[i+1:])
			out = append(out, found...)
			i += 1 + n
		default:
			i++
		}
	}
	return out
}

// field takes apart what follows a brace: the expression, and what the format
// holds. n is how long it is, the closing brace included.
func field(body string) (n int, out []string) {
	depth := 0
	said, from := "", 0 // the expression without its comments
	ends := func(at int) {
		// {x = } shows the expression; ==, <= and the like belong to it.
		e := strings.TrimRight(said+body[from:at], " \t\r\n\f")
		if k := len(e) - 1; k > 0 && e[k] == '=' && !strings.ContainsRune("=!<>:", rune(e[k-1])) {
			e = e[:k]
		}
		out = append(out, e)
	}
	for i := 0; i < len(body); i++ {
		switch c := body[i]; c {
		case '"', '\'':
			// A string within: it ends where the scanner says.
			s := &scanner{src: []byte(body), whole: body, at: i, line: 1}
			if s.text(letters(body, i)) != nil {
				return len(body), out
			}
			i = s.at - 1
		case '#':
			k := strings.IndexAny(body[i:], "\r\n")
			if k < 0 {
				return len(body), out
			}
			said += body[from:i]
			i += k
			from = i
		case '(', '[', '{':
			depth++
		case ')', ']':
			depth--
		case '}':
			if depth == 0 {
				ends(i)
				return i + 1, out
			}
			depth--
		case '!':
			if depth == 0 && !strings.HasPrefix(body[i:], "!=") {
				ends(i)
				k, more := spec(body[i:])
				return i + k, append(out, more...)
			}
		case ':':
			if depth == 0 {
				ends(i)
				k, more := spec(body[i:])
				return i + k, append(out, more...)
			}
		}
	}
	return len(body), out
}

// letters is where the prefix of a string begins whose quote is at i.
func letters(body string, i int) int {
	from := i
	for from > 0 && isLetter(body[from-1]) {
		from--
	}
	if !isPrefix([]byte(body[from:i])) {
		return i
	}
	return from
}

// spec reads a conversion and a format up to the brace that ends the field.
func spec(body string) (n int, out []string) {
	for i := 0; i < len(body); i++ {
		switch body[i] {
		case '{':
			k, more := field(body[i+1:])
			out = append(out, more...)
			i += k
		case '}':
			return i + 1, out
		}
	}
	return len(body), out
}

// value is what adjacent strings make: the parts of f-strings, or a text that
// could be a name.
func (p *parser) value() *Node {
	first := p.tokens[p.at]
	var parts []*Node
	var plain strings.Builder
	is := true // it could be a name
	formatted := false
	for p.tokens[p.at].sort == text {
		t := p.next()
		prefix := []byte(strings.ToLower(t.text[:t.prefix]))
		switch {
		case bytes.ContainsAny(prefix, "ft"):
			formatted = true
			for _, e := range fields(t) {
				parts = append(parts, p.within(e, t))
			}
		case bytes.ContainsAny(prefix, "b"):
			is = false
		default:
			plain.WriteString(unescaped(t.inner(), bytes.ContainsAny(prefix, "r")))
		}
	}
	if formatted {
		n := group(parts...)
		stand(n, first)
		return n
	}
	if !is || !couldBeName(plain.String()) {
		return nil
	}
	return &Node{Kind: Str, Line: int(first.line), Col: int(first.col), Text: plain.String()}
}

// within parses an expression of an f-string. A yield, a starred expression or
// a walrus needs its parentheses only in the file itself.
func (p *parser) within(e string, t token) *Node {
	tokens, err := scan([]byte("(" + e + "\n)"))
	if err == nil {
		inner := &parser{tokens: tokens, deep: p.deep + 1}
		var n *Node
		if n, err = inner.whole(); err == nil {
			return n
		}
	}
	panic(p.wrong(t, "f-string: "+err.(*Error).Text))
}

// stand gives a tree the place of a token.
func stand(n *Node, t token) {
	if n == nil {
		return
	}
	if n.Line > 0 {
		n.Line, n.Col = int(t.line), int(t.col)
	}
	for _, k := range n.Kids {
		stand(k, t)
	}
}

const longestName = 40

// couldBeName reports whether a text may be a key such as "mid", or a type.
func couldBeName(s string) bool {
	if s == "" || len(s) > longestName {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || i > 0 && (isDigit(c) || c == '.') {
			continue
		}
		return false
	}
	return true
}

// unescaped resolves the escapes that may make a name of a text. Of one that is
// none of these the backslash stays, and the text is no name.
func unescaped(s string, raw bool) string {
	if raw || !strings.Contains(s, "\\") {
		return s
	}
	s = strings.NewReplacer("\\\r\n", "", "\\\n", "", "\\\r", "").Replace(s)
	var b strings.Builder
	for s != "" {
		if r, _, rest, err := strconv.UnquoteChar(s, 0); err == nil && strings.HasPrefix(s, "\\") && r != '\\' {
			b.WriteRune(r)
			s = rest
			continue
		}
		b.WriteByte(s[0])
		s = s[1:]
	}
	return b.String()
}
