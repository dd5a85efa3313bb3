package engine

import (
	"slices"
	"sort"
	"sync"

	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
)

// Cover counts which lines of recipes ran. The interpreter has no hook for it,
// so each statement within a function gets a call before it that notes its line,
// in the syntax tree before that is compiled: what is counted is what ran, and
// positions in errors stay as they are.
//
// Its grain is the statement: of `a or b`, of a comprehension and of a lambda
// the line counts when the statement began. Top-level lines are left out; to
// load a file proves nothing. A statement costs a few computation steps more.
type Cover struct {
	mu    sync.Mutex
	lines []coverLine
	files map[string]bool
}

type coverLine struct {
	file string
	line int
	hits int
}

// FileCover is how often the lines of one file ran; those with a statement only.
type FileCover struct {
	File  string      `json:"file"`
	Lines map[int]int `json:"lines"`
}

// coverWord is no identifier, so that no recipe can name it.
const coverWord = "cover·"

func (c *Cover) word() *starlark.Builtin {
	return starlark.NewBuiltin(coverWord, func(_ *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
		id, _ := starlark.AsInt32(args[0])
		c.mu.Lock()
		c.lines[id].hits++
		c.mu.Unlock()
		return starlark.None, nil
	})
}

// Files is what was counted so far, by file name.
func (c *Cover) Files() []FileCover {
	c.mu.Lock()
	defer c.mu.Unlock()
	by := map[string]map[int]int{}
	for name := range c.files {
		by[name] = map[int]int{}
	}
	for _, l := range c.lines {
		by[l.file][l.line] += l.hits
	}
	var out []FileCover
	for name, lines := range by {
		out = append(out, FileCover{name, lines})
	}
	sort.Slice(out, func(i, j int) bool { return out[i].File < out[j].File })
	return out
}

// instrument adds the counting calls to a file that was parsed just now.
func (c *Cover) instrument(shown string, f *syntax.File) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.files == nil {
		c.files = map[string]bool{}
	}
	c.files[shown] = true
	for _, stmt := range f.Stmts {
		if def, ok := stmt.(*syntax.DefStmt); ok {
			def.Body = c.body(shown, def.Body, true)
		}
	}
}

func (c *Cover) body(shown string, stmts []syntax.Stmt, function bool) []syntax.Stmt {
	var out []syntax.Stmt
	for i, stmt := range stmts {
		if function && i == 0 && isText(stmt) {
			out = append(out, stmt) // the docstring must stay the first
			continue
		}
		out = append(out, c.count(shown, stmt), stmt)
		switch s := stmt.(type) {
		case *syntax.IfStmt:
			s.True = c.body(shown, s.True, false)
			s.False = c.body(shown, s.False, false)
		case *syntax.ForStmt:
			s.Body = c.body(shown, s.Body, false)
		case *syntax.DefStmt:
			s.Body = c.body(shown, s.Body, true)
		}
	}
	return slices.Clip(out)
}

func isText(stmt syntax.Stmt) bool {
	e, ok := stmt.(*syntax.ExprStmt)
	if !ok {
		return false
	}
	lit, ok := e.X.(*syntax.Literal)
	return ok && lit.Token == syntax.STRING
}

// count is a statement that notes that the next one is reached.
func (c *Cover) count(shown string, stmt syntax.Stmt) syntax.Stmt {
	pos, _ := stmt.Span()
	id := len(c.lines)
	c.lines = append(c.lines, coverLine{file: shown, line: int(pos.Line)})
	return &syntax.ExprStmt{X: &syntax.CallExpr{
		Fn: &syntax.Ident{NamePos: pos, Name: coverWord}, Lparen: pos, Rparen: pos,
		Args: []syntax.Expr{&syntax.Literal{Token: syntax.INT, TokenPos: pos, Raw: "", Value: int64(id)}},
	}}
}
