package engine

import (
	"iter"
	"maps"
	"slices"
	"strings"

	"go.starlark.net/syntax"
)

// site is a place in a recipe where something is seen.
type site struct {
	kind     siteKind
	pos      syntax.Position
	function string
	text     string // of the expression, on one line
	calls    string // the function that a leaf is a call of; "" = none
	whole    bool   // a leaf: it is the whole condition or return
	from     string // the comprehension that the name of a leaf was given; "" = another value

	within              []guard // a return: the conditions around it, outermost first
	whenTrue, whenFalse lines   // a condition: the blocks that it decides about
}

type siteKind int

const (
	siteEnter siteKind = iota
	siteLeaf
	siteTest
	siteReturn
)

// guard is a condition that decides about a statement.
type guard struct {
	test  int
	holds bool // false: the statement is in its else
}

// surveyor puts the calls into the functions of one file.
type surveyor struct {
	*Explain
	source   []string // its lines
	function string
	given    map[string]string // comprehensions, by the name they were given in this function
}

// instrument adds the calls to a file that was parsed just now.
func (e *Explain) instrument(source string, f *syntax.File) {
	e.mu.Lock()
	defer e.mu.Unlock()
	s := &surveyor{Explain: e, source: strings.Split(unixLines(source), "\n")}
	for _, stmt := range f.Stmts {
		if def, ok := stmt.(*syntax.DefStmt); ok {
			s.define(def)
		}
	}
}

func (s *surveyor) define(def *syntax.DefStmt) {
	outer, held := s.function, s.given
	s.function, s.given = def.Name.Name, map[string]string{}
	pos, _ := def.Span()
	var params []syntax.Expr
	for _, p := range def.Params {
		switch p := p.(type) {
		case *syntax.Ident:
			params = append(params, &syntax.Ident{NamePos: pos, Name: p.Name})
		case *syntax.BinaryExpr: // name = default
			if name, ok := p.X.(*syntax.Ident); ok {
				params = append(params, &syntax.Ident{NamePos: pos, Name: name.Name})
			}
		}
	}
	enter := &syntax.ExprStmt{X: s.call(site{kind: siteEnter, pos: pos}, params...)}
	def.Body = s.block(def.Body, nil)
	at := 0
	if isText(def.Body[0]) {
		at = 1 // the docstring must stay the first
	}
	def.Body = slices.Insert(def.Body, at, syntax.Stmt(enter))
	s.function, s.given = outer, held
}

// block instruments statements; around are the conditions that decide about them.
func (s *surveyor) block(stmts []syntax.Stmt, around []guard) []syntax.Stmt {
	for _, stmt := range stmts {
		switch stmt := stmt.(type) {
		case *syntax.DefStmt:
			s.define(stmt)
		case *syntax.AssignStmt:
			if name, ok := stmt.LHS.(*syntax.Ident); ok && stmt.Op == syntax.EQ {
				if c, ok := stmt.RHS.(*syntax.Comprehension); ok {
					s.given[name.Name] = s.text(c, longestText)
				} else {
					delete(s.given, name.Name)
				}
			}
		case *syntax.ForStmt:
			s.block(stmt.Body, around)
		case *syntax.IfStmt:
			yes, no := spanOf(stmt.True), spanOf(stmt.False)
			stmt.Cond = s.decide(site{kind: siteTest, whenTrue: yes, whenFalse: no}, stmt.Cond)
			test := len(s.sites) - 1 // its parts come before it
			s.block(stmt.True, append(slices.Clip(around), guard{test, true}))
			s.block(stmt.False, append(slices.Clip(around), guard{test, false}))
		case *syntax.ReturnStmt:
			if stmt.Result != nil {
				stmt.Result = s.decide(site{kind: siteReturn, within: around}, stmt.Result)
			}
		}
	}
	return stmts
}

// decide wraps a whole condition or returned value, and the parts of it.
func (s *surveyor) decide(at site, x syntax.Expr) syntax.Expr {
	at.pos, _ = x.Span()
	at.text = s.text(x, longestText)
	if at.kind == siteReturn {
		at.text = s.text(x, longestReturn)
	}
	y := s.parts(x)
	if call, ok := y.(*syntax.CallExpr); ok && y != x && call.Args[len(call.Args)-1] == x {
		s.sites[len(s.sites)-1].whole = true
	}
	return s.call(at, y)
}

// parts wraps what a condition is made of, down to where it branches no more.
func (s *surveyor) parts(x syntax.Expr) syntax.Expr {
	switch x := x.(type) {
	case *syntax.ParenExpr:
		x.X = s.parts(x.X)
	case *syntax.UnaryExpr:
		if x.Op == syntax.NOT {
			x.X = s.parts(x.X)
		}
	case *syntax.CondExpr:
		x.Cond, x.True, x.False = s.parts(x.Cond), s.parts(x.True), s.parts(x.False)
	case *syntax.BinaryExpr:
		switch x.Op {
		case syntax.AND, syntax.OR, syntax.EQL, syntax.NEQ, syntax.LT, syntax.LE, syntax.GT, syntax.GE, syntax.IN, syntax.NOT_IN:
			x.X, x.Y = s.parts(x.X), s.parts(x.Y)
		default:
			return s.leaf(x)
		}
	case *syntax.Ident:
		if x.Name != "None" && x.Name != "True" && x.Name != "False" {
			return s.leaf(x)
		}
	case *syntax.DotExpr, *syntax.IndexExpr, *syntax.SliceExpr, *syntax.CallExpr, *syntax.Comprehension:
		return s.leaf(x)
	}
	return x
}

func (s *surveyor) leaf(x syntax.Expr) syntax.Expr {
	pos, _ := x.Span()
	at := site{kind: siteLeaf, pos: pos, text: s.text(x, longestText)}
	if name, ok := x.(*syntax.Ident); ok {
		at.from = s.given[name.Name]
	}
	if call, ok := x.(*syntax.CallExpr); ok {
		if fn, ok := call.Fn.(*syntax.Ident); ok {
			at.calls = fn.Name
		}
		for i, arg := range call.Args {
			if name, ok := arg.(*syntax.Ident); ok && s.given[name.Name] != "" {
				call.Args[i] = s.leaf(arg)
			}
		}
	}
	return s.call(at, x)
}

// call is a call of the word, with a new site.
func (s *surveyor) call(at site, args ...syntax.Expr) *syntax.CallExpr {
	at.function = s.function
	s.sites = append(s.sites, at)
	id := &syntax.Literal{Token: syntax.INT, TokenPos: at.pos, Value: int64(len(s.sites) - 1)}
	return &syntax.CallExpr{
		Fn: &syntax.Ident{NamePos: at.pos, Name: explainWord}, Lparen: at.pos, Rparen: at.pos,
		Args: append([]syntax.Expr{id}, args...),
	}
}

// text is the source of an expression on one line.
func (s *surveyor) text(x syntax.Expr, most int) string {
	from, to := x.Span()
	if from.Line < 1 || int(to.Line) > len(s.source) {
		return ""
	}
	var out []string
	for n := from.Line; n <= to.Line; n++ {
		line := []rune(s.source[n-1])
		end, begin := len(line), 0
		if n == to.Line {
			end = min(end, int(to.Col)-1)
		}
		if n == from.Line {
			begin = min(end, int(from.Col)-1)
		}
		out = append(out, strings.TrimSpace(string(line[begin:end])))
	}
	return cutText(cleanText(strings.Join(out, " ")), most)
}

// ordered is the outcome of conditions in the order of the source.
func ordered(tests map[int]decision) iter.Seq2[int, decision] {
	return func(yield func(int, decision) bool) {
		for _, id := range slices.Sorted(maps.Keys(tests)) {
			if !yield(id, tests[id]) {
				return
			}
		}
	}
}
