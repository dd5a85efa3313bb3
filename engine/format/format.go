// Package format lays out recipes as buildifier does: four blanks, one space
// around "=", trailing commas where a list has a line for each element.
//
// The layout is that of a .star file ("default"), not of a BUILD file: nothing
// is sorted or rewritten but loads, and the names in one. Text that spans lines,
// which is what guidance is written in, stays as it was written.
package format

import (
	"errors"
	"fmt"
	"strings"

	"github.com/bazelbuild/buildtools/build"
	"go.starlark.net/syntax"

	"runbook/engine/misread"
)

// Error is why a file was left alone.
type Error struct {
	Pos  string // "mine.star:3:7"; the file alone when no line is to blame
	Msg  string
	Hint string // what to write instead; "" when nobody can know
}

func (e *Error) Error() string {
	if e.Hint != "" {
		return e.Pos + ": " + e.Msg + "\nhint: " + e.Hint
	}
	return e.Pos + ": " + e.Msg
}

const (
	mostRounds = 4    // until the layout no longer changes; two do, nearly always
	mostNested = 2000 // expressions within expressions; the printer calls itself for each
)

// Source returns the file laid out, which is source itself when it is so
// already. Line ends become "\n", blanks at the ends of lines go.
//
// Errors: *Error for what is no Starlark, for what buildifier cannot read though
// it is (bytes literals), and when the result would not mean the same.
func Source(name string, source []byte) ([]byte, error) {
	text := whole(string(source))
	before, err := parse(name, text)
	if err != nil {
		return nil, err
	}
	if pos, deep := nested(before); deep {
		return nil, &Error{Pos: pos, Msg: fmt.Sprintf("more than %d expressions within each other", mostNested)}
	}
	out := text
	for range mostRounds {
		next, err := layOut(name, out)
		if err != nil {
			return nil, err
		}
		if next == out {
			if err := same(name, before, text, out); err != nil {
				return nil, err
			}
			return []byte(out), nil
		}
		out = next
	}
	return nil, &Error{Pos: name, Msg: "left as it is: the layout does not settle"}
}

// whole is a text with one kind of line ends, also at its end.
func whole(text string) string {
	text = strings.ReplaceAll(text, "\r\n", "\n")
	if text != "" && !strings.HasSuffix(text, "\n") {
		text += "\n"
	}
	return text
}

var dialect = &syntax.FileOptions{Set: true}

func parse(name, text string) (*syntax.File, error) {
	f, err := dialect.Parse(name, text, 0)
	var wrong syntax.Error
	switch {
	case errors.As(err, &wrong):
		said := misread.Explain(wrong, text)
		return nil, &Error{Pos: said.Pos.String(), Msg: said.Msg, Hint: said.Hint}
	case err != nil:
		return nil, &Error{Pos: name, Msg: err.Error()}
	}
	return f, nil
}

// layOut is one round of buildifier.
func layOut(name, text string) (out string, err error) {
	defer func() {
		if p := recover(); p != nil {
			out, err = "", &Error{Pos: name, Msg: fmt.Sprintf("the formatter broke off: %v", p)}
		}
	}()
	tree, err := build.ParseDefault(name, []byte(text))
	if err != nil {
		var wrong build.ParseError
		if errors.As(err, &wrong) {
			return "", &Error{Pos: fmt.Sprintf("%s:%d:%d", name, wrong.Pos.Line, wrong.Pos.LineRune), Msg: "it is Starlark, but the formatter cannot read it: " + wrong.Message}
		}
		return "", &Error{Pos: name, Msg: err.Error()}
	}
	back := hideTexts(tree, text)
	return back.Replace(string(build.Format(tree))), nil
}

// hideTexts puts a mark in the place of each string, and returns what puts the
// strings back. Buildifier has views of its own: it shifts docstrings to the
// depth of their function, strips blanks at the ends of their lines, and with
// them markdown's line breaks, and writes words of other alphabets as octal
// escapes, which Starlark does not read.
func hideTexts(tree *build.File, text string) *strings.Replacer {
	mark := "@"
	for strings.Contains(text, mark) {
		mark += "@"
	}
	var pairs []string
	build.Walk(tree, func(x build.Expr, within []build.Expr) {
		if len(within) > 0 {
			if _, ok := within[len(within)-1].(*build.LoadStmt); ok {
				return // loads are sorted by the files' names
			}
		}
		if s, ok := x.(*build.StringExpr); ok {
			hidden := fmt.Sprintf("%s%d", mark, len(pairs))
			pairs = append(pairs, `"`+hidden+`"`, quoted(s.Token))
			s.Value, s.Token, s.TripleQuote = hidden, `"`+hidden+`"`, false
		}
	})
	return strings.NewReplacer(pairs...)
}

// quoted is a string with double quotes, where that needs no more escapes; one
// that spans lines stays as it is.
func quoted(token string) string {
	raw := strings.HasPrefix(token, "r")
	text := strings.TrimPrefix(token, "r")
	if !strings.HasPrefix(text, "'") || strings.ContainsAny(text, "\n\"") {
		return token
	}
	quotes := 1
	if strings.HasPrefix(text, "'''") {
		quotes = 3
	}
	inner := text[quotes : len(text)-quotes]
	if raw {
		return "r" + strings.Repeat(`"`, quotes) + inner + strings.Repeat(`"`, quotes)
	}
	// The second of the pairs eats each other escape whole, so that the backslash
	// of \\' is none of the quote's.
	inner = strings.NewReplacer(`\'`, `'`, `\\`, `\\`).Replace(inner)
	return strings.Repeat(`"`, quotes) + inner + strings.Repeat(`"`, quotes)
}

// nested looks for an expression that is too deep to print.
func nested(f *syntax.File) (pos string, deep bool) {
	depth := 0
	syntax.Walk(f, func(n syntax.Node) bool {
		if n == nil {
			depth--
			return true
		}
		depth++
		if depth > mostNested && !deep {
			start, _ := n.Span()
			pos, deep = start.String(), true
		}
		return true
	})
	return pos, deep
}
