package probe

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Clean decodes what another program wrote so that it can be shown: bytes that
// are no UTF-8 and characters that steer a terminal (escapes, newlines, C1, bidi
// overrides, zero width) each become U+FFFD.
func Clean(b []byte) string {
	plain := true
	for _, c := range b {
		if c < ' ' || c >= 0x7f {
			plain = false
			break
		}
	}
	if plain {
		return string(b)
	}
	var s strings.Builder
	s.Grow(len(b) + 2)
	for len(b) > 0 {
		r, n := utf8.DecodeRune(b)
		if steers(r) {
			r = utf8.RuneError
		}
		s.WriteRune(r)
		b = b[n:]
	}
	return s.String()
}

// steers reports whether a character does something else than to appear.
func steers(r rune) bool {
	return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp)
}
