package pysource

import "bytes"

// text goes past a string that begins at from; s.at is at its quote.
func (s *scanner) text(from int) error {
	prefix := s.src[from:s.at]
	t := token{sort: text, line: int32(s.line), col: int32(from - s.start), prefix: int8(len(prefix)), quote: 1}
	q := s.src[s.at]
	if bytes.HasPrefix(s.src[s.at:], []byte{q, q, q}) {
		t.quote = 3
	}
	s.at += int(t.quote)
	first, firstStart := s.line, s.start
	// An f-string may hold the quote that ends it, within braces.
	braces := bytes.ContainsAny(prefix, "fFtT")
	ok, err := s.textEnd(q, int(t.quote), braces, bytes.ContainsAny(prefix, "rR"))
	if err != nil {
		return err
	}
	if !ok {
		return &Error{Line: first, Col: from - firstStart, Text: map[int8]string{1: "unterminated string literal", 3: "unterminated triple-quoted string literal"}[t.quote]}
	}
	t.text = s.whole[from:s.at]
	s.tokens = append(s.tokens, t)
	return nil
}

func (s *scanner) textEnd(q byte, quote int, braces, raw bool) (ok bool, err error) {
	for s.at < len(s.src) {
		switch c := s.src[s.at]; {
		case c == '\\':
			s.at++
			switch {
			case s.at >= len(s.src) || braces && (s.src[s.at] == '{' || s.src[s.at] == '}'):
			case braces && !raw && bytes.HasPrefix(s.src[s.at:], []byte("N{")):
				for s.at < len(s.src) && s.src[s.at] != '}' && s.src[s.at] != q && s.src[s.at] != '\n' {
					s.at++
				}
			default:
				if s.src[s.at] == '\n' || s.src[s.at] == '\r' {
					s.endLine()
				} else {
					s.at++
				}
			}
		case c == q && (quote == 1 || bytes.HasPrefix(s.src[s.at:], []byte{q, q, q})):
			s.at += quote
			return true, nil
		case c == '\n' || c == '\r':
			if quote == 1 {
				return false, nil
			}
			s.endLine()
		case c == '{' && braces:
			s.at++
			if s.at < len(s.src) && s.src[s.at] == '{' {
				s.at++
				continue
			}
			if ok, err := s.field(q, quote); !ok || err != nil {
				return ok, err
			}
		default:
			s.at++
		}
	}
	return false, nil
}

// field goes past what stands between the braces of an f-string, of which the
// first was read. Since Python 3.12 it may hold any expression, with any quotes.
func (s *scanner) field(q byte, quote int) (ok bool, err error) {
	if s.fields++; s.fields > maxFields {
		return false, s.fail(s.at, "f-string: expressions nested too deeply")
	}
	defer func() { s.fields-- }()
	depth := 0
	spec := false // after the colon: text again, with fields of its own
	for s.at < len(s.src) {
		c := s.src[s.at]
		if spec && c == q && (quote == 1 || bytes.HasPrefix(s.src[s.at:], []byte{q, q, q})) {
			return false, nil
		}
		switch {
		case (c == '"' || c == '\'') && !spec:
			from := s.at
			for from > 0 && isLetter(s.src[from-1]) {
				from--
			}
			if !isPrefix(s.src[from:s.at]) {
				from = s.at
			}
			mark := len(s.tokens)
			err := s.text(from)
			s.tokens = s.tokens[:mark]
			if err != nil {
				return false, err
			}
		case c == '#' && !spec:
			s.skipComment()
		case c == '\n' || c == '\r':
			s.endLine()
		case (c == '(' || c == '[' || c == '{') && !spec:
			depth++
			s.at++
		case c == '{':
			s.at++
			if ok, err := s.field(q, quote); !ok || err != nil {
				return ok, err
			}
		case (c == ')' || c == ']') && !spec:
			depth--
			s.at++
		case c == '}':
			s.at++
			if depth--; depth < 0 || spec {
				return true, nil
			}
		case c == ':' && depth == 0:
			spec = true
			s.at++
		default:
			s.at++
		}
	}
	return false, nil
}

// isPrefix reports whether letters may stand before a quote: r, b, u, f, t and
// pairs of them; nothing may, too.
func isPrefix(p []byte) bool {
	if len(p) > 2 {
		return false
	}
	for _, c := range p {
		if !bytes.ContainsRune([]byte("rbuftRBUFT"), rune(c)) {
			return false
		}
	}
	return true
}
