// Package misread says what the parser of Starlark could not read, to a person
// who writes Python most days: where it stands, and how a recipe says it.
package misread

import (
	"strings"
	"unicode/utf8"

	"go.starlark.net/syntax"
)

// Error is a parser's error as a person reads it.
type Error struct {
	Pos  syntax.Position // of what could not be read
	Msg  string
	Hint string // what to write instead; "" when nobody can know
}

// Explain reads what the parser said of a text.
//
// The parser gives the place behind the word that it did not expect, and for the
// end of a line the beginning of the next one.
func Explain(e syntax.Error, source string) Error {
	out := Error{Pos: e.Pos, Msg: strings.Replace(e.Msg, "want primary expression", "want an expression", 1)}
	got, _, _ := strings.Cut(strings.TrimPrefix(e.Msg, "got "), ", want ")
	got = strings.TrimSuffix(got, " after expression")
	source = lineEnds.Replace(source)
	end := offsetOf(source, e.Pos)
	at := end
	switch {
	case end < 0:
		return out
	case strings.HasSuffix(e.Msg, "want primary expression"): // it stands at that word
	case strings.HasPrefix(e.Msg, "got "):
		at = startOf(source, end, got)
	case strings.Contains(e.Msg, " does not associate with "):
		_, op, _ := strings.Cut(strings.TrimSuffix(e.Msg, " (use parens)"), " with ")
		at = startOf(source, end, op)
	}
	if at != end {
		out.Pos = positionAt(source, at, e.Pos)
	}
	out.Hint = pythonism(source, at, got, e.Msg)
	if out.Hint != "" && got == "string literal" {
		if start := prefixAt(source, at); start < at { // the f of f"…"
			out.Pos = positionAt(source, start, e.Pos)
		}
	}
	return out
}

// lineEnds makes of a text what Starlark counts lines in.
var lineEnds = strings.NewReplacer("\r\n", "\n", "\r", "\n")

// startOf is where the word begins that ends at a place; end itself when that is
// another one.
func startOf(source string, end int, got string) int {
	before := source[:end]
	switch got {
	case "newline":
		if strings.HasSuffix(before, "\n") {
			return len(before) - 1
		}
		return end
	case "string literal":
		return stringStart(source, end)
	case "identifier", "int literal", "float literal":
		return len(strings.TrimRightFunc(before, func(r rune) bool {
			return r == '_' || r == '.' && got == "float literal" || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= utf8.RuneSelf
		}))
	}
	return len(strings.TrimSuffix(before, strings.Trim(got, "'")))
}

// stringStart is where the string begins whose quotes end at a place.
func stringStart(source string, end int) int {
	for i := 0; i < end; {
		switch source[i] {
		case '#':
			i += len(line(source[i:]))
		case '"', '\'':
			n := stringLength(source[i:])
			if i+n == end {
				return i
			}
			i += n
		default:
			i++
		}
	}
	return end
}

// stringLength is how many bytes the string takes that a text begins with.
func stringLength(text string) int {
	quote := text[:1]
	if strings.HasPrefix(text, strings.Repeat(quote, 3)) {
		quote = text[:3]
	}
	for i := len(quote); i < len(text); i++ {
		switch {
		case text[i] == '\\':
			i++
		case strings.HasPrefix(text[i:], quote):
			return i + len(quote)
		}
	}
	return len(text)
}

// prefixAt is where the letters begin that stand right before a string.
func prefixAt(source string, at int) int {
	return len(strings.TrimRightFunc(source[:at], func(r rune) bool { return strings.ContainsRune("fFrRtTuU", r) }))
}

// offsetOf is where a position lies in the text, in bytes; -1: nowhere.
func offsetOf(source string, pos syntax.Position) int {
	at := 0
	for n := pos.Line; n > 1; n-- {
		next := strings.IndexByte(source[at:], '\n')
		if next < 0 {
			return -1
		}
		at += next + 1
	}
	for n := pos.Col; n > 1; n-- {
		if at >= len(source) {
			return -1
		}
		_, size := utf8.DecodeRuneInString(source[at:])
		at += size
	}
	return at
}

func positionAt(source string, at int, in syntax.Position) syntax.Position {
	before := source[:at]
	start := strings.LastIndexByte(before, '\n') + 1
	in.Line = int32(strings.Count(before, "\n")) + 1
	in.Col = int32(utf8.RuneCountInString(before[start:])) + 1
	return in
}

// line is the text up to its first line's end.
func line(text string) string {
	first, _, _ := strings.Cut(text, "\n")
	return first
}
