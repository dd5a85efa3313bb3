package format

import (
	"fmt"
	"slices"
	"strings"

	"go.starlark.net/syntax"
)

// same is an error unless text means what the file before it meant, and holds
// the same comments and guidance.
func same(name string, before *syntax.File, was, text string) error {
	after, err := parse(name, text)
	if err != nil {
		return fmt.Errorf("the formatter made what is no Starlark of it: %w", err)
	}
	if meaning(before) != meaning(after) {
		return &Error{Pos: name, Msg: "left as it is: laid out, it would not mean the same"}
	}
	if !slices.Equal(comments(was), comments(text)) {
		return &Error{Pos: name, Msg: "left as it is: laid out, it would not keep its comments"}
	}
	if guidance(before) != guidance(after) {
		return &Error{Pos: name, Msg: "left as it is: laid out, it would not keep its texts"}
	}
	return nil
}

// guidance are the texts of a file that span lines, as they are written.
func guidance(f *syntax.File) string {
	var b strings.Builder
	syntax.Walk(f, func(n syntax.Node) bool {
		if lit, ok := n.(*syntax.Literal); ok && strings.Contains(lit.Raw, "\n") {
			b.WriteString(lit.Raw + "\x00")
		}
		return true
	})
	return b.String()
}

// meaning writes the syntax tree without its positions, without brackets that
// only group, and without the order of loads.
func meaning(f *syntax.File) string {
	var b strings.Builder
	var loads []string
	var shut []bool // for each node that is open: does it need an end?
	syntax.Walk(f, func(n syntax.Node) bool {
		if n == nil {
			if shut[len(shut)-1] {
				b.WriteByte(')')
			}
			shut = shut[:len(shut)-1]
			return true
		}
		if _, ok := n.(*syntax.ParenExpr); ok {
			shut = append(shut, false)
			return true
		}
		shut = append(shut, true)
		fmt.Fprintf(&b, "(%s", strings.TrimPrefix(fmt.Sprintf("%T", n), "*syntax."))
		switch n := n.(type) {
		case *syntax.Ident:
			b.WriteString(" " + n.Name)
		case *syntax.Literal:
			fmt.Fprintf(&b, " %s %T %q", n.Token, n.Value, fmt.Sprint(n.Value))
		case *syntax.BinaryExpr:
			fmt.Fprintf(&b, " %s", n.Op)
		case *syntax.UnaryExpr:
			fmt.Fprintf(&b, " %s", n.Op)
		case *syntax.AssignStmt:
			fmt.Fprintf(&b, " %s", n.Op)
		case *syntax.BranchStmt:
			fmt.Fprintf(&b, " %s", n.Token)
		case *syntax.IfStmt:
			fmt.Fprintf(&b, " %d %d", len(n.True), len(n.False))
		case *syntax.DefStmt:
			fmt.Fprintf(&b, " %d", len(n.Params))
		case *syntax.LambdaExpr:
			fmt.Fprintf(&b, " %d", len(n.Params))
		case *syntax.Comprehension:
			fmt.Fprintf(&b, " %v", n.Curly)
		case *syntax.SliceExpr:
			fmt.Fprintf(&b, " %v %v %v", n.Lo != nil, n.Hi != nil, n.Step != nil)
		case *syntax.LoadStmt:
			names := make([]string, len(n.From))
			for i := range n.From {
				names[i] = n.From[i].Name + "=" + n.To[i].Name
			}
			slices.Sort(names)
			b.WriteByte(')')
			loads = append(loads, fmt.Sprintf("%q %q", n.ModuleName(), names))
			shut = shut[:len(shut)-1] // no end is announced of what is not entered
			return false
		}
		return true
	})
	slices.Sort(loads)
	return strings.Join(loads, "\n") + "\n" + b.String()
}

// comments are those of a file, sorted: a comment between two names of a load()
// moves with its name. They are read from the text, since the syntax tree loses
// one that follows an expression without a blank.
func comments(text string) []string {
	var out []string
	for i := 0; i < len(text); {
		switch text[i] {
		case '#':
			end := len(text)
			if n := strings.IndexByte(text[i:], '\n'); n >= 0 {
				end = i + n
			}
			out = append(out, strings.TrimRight(text[i:end], " \t\r"))
			i = end
		case '"', '\'':
			i += stringLength(text[i:])
		default:
			i++
		}
	}
	slices.Sort(out)
	return out
}

// stringLength is how long the string is that a text begins with, quotes
// included. A backslash keeps a quote from ending it, in raw strings as well.
func stringLength(text string) int {
	end := text[:1]
	if triple := strings.Repeat(end, 3); strings.HasPrefix(text, triple) {
		end = triple
	}
	for i := len(end); i < len(text); i++ {
		switch {
		case text[i] == '\\':
			i++
		case strings.HasPrefix(text[i:], end):
			return i + len(end)
		}
	}
	return len(text)
}
