package markdown

import (
	"strconv"
	"strings"
	"unicode"

	"runbook/engine/lazyregexp"
)

// entity is a character by number, in all spellings that are understood
// somewhere on the way: glamour resolves it after the parser, so "&#27;[2J"
// would reach the terminal as an escape sequence.
var entity = lazyregexp.New(`&(?:(?i:amp);?)*#(?:[xX]([0-9a-fA-F]+)|([0-9]+));?`)

// clean takes out what a terminal might obey: controls other than line breaks
// and tabs, and the invisible characters that turn the reading direction.
func clean(md string) string {
	md = strings.ReplaceAll(md, "\r\n", "\n")
	md = strings.Map(func(r rune) rune {
		if r != '\n' && r != '\t' && unsafe(r) {
			return unicode.ReplacementChar
		}
		return r
	}, strings.ToValidUTF8(md, string(unicode.ReplacementChar)))
	return entity().ReplaceAllStringFunc(md, func(s string) string {
		m := entity().FindStringSubmatch(s)
		n, err := strconv.ParseInt(m[2], 10, 32)
		if m[1] != "" {
			n, err = strconv.ParseInt(m[1], 16, 32)
		}
		if err != nil || unsafe(rune(n)) {
			return string(unicode.ReplacementChar)
		}
		return s
	})
}

func unsafe(r rune) bool {
	return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) && r != '\u200c' && r != '\u200d'
}
