package pysource

// parser reads tokens by recursive descent. How operators bind does not matter,
// but for comparisons: see group. It panics with an *Error, which Parse catches.
type parser struct {
	tokens []token
	at     int
	deep   int
	noIn   int // > 0: "in" ends the expression, as between for and in
}

// maxDeep is that of CPython for parentheses.
const maxDeep = 200

func (p *parser) wrong(t token, text string) *Error {
	return &Error{Line: int(t.line), Col: int(t.col), Text: text}
}

func (p *parser) next() token {
	t := p.tokens[p.at]
	if t.sort != end {
		p.at++
	}
	return t
}

// is reports whether the next token is this operator or keyword.
func (p *parser) is(s string) bool {
	t := &p.tokens[p.at]
	return (t.sort == op || t.sort == word) && t.text == s
}

func (p *parser) take(s string) bool {
	if p.is(s) {
		p.at++
		return true
	}
	return false
}

func (p *parser) want(s string) {
	if !p.take(s) {
		panic(p.wrong(p.tokens[p.at], "expected '"+s+"'"))
	}
}

func (p *parser) invalid() *Error { return p.wrong(p.tokens[p.at], "invalid syntax") }

// enter counts how deep the reader is; call the result when it leaves.
func (p *parser) enter() func() {
	p.deep++
	if p.deep > 4*maxDeep {
		panic(p.wrong(p.tokens[p.at], "nested too deeply"))
	}
	return func() { p.deep-- }
}

var keywords = map[string]bool{
	"False": true, "None": true, "True": true, "and": true, "as": true, "assert": true, "async": true, "await": true, "break": true,
	"class": true, "continue": true, "def": true, "del": true, "elif": true, "else": true, "except": true, "finally": true, "for": true,
	"from": true, "global": true, "if": true, "import": true, "in": true, "is": true, "lambda": true, "nonlocal": true, "not": true,
	"or": true, "pass": true, "raise": true, "return": true, "try": true, "while": true, "with": true, "yield": true,
}

func (p *parser) name() token {
	t := p.next()
	if t.sort != word || keywords[t.text] {
		panic(p.wrong(t, "invalid syntax"))
	}
	return t
}

// expressions reads what may stand on either side of "=": a tuple, starred
// parts, a yield.
func (p *parser) expressions() *Node {
	if p.is("yield") {
		return p.yield()
	}
	n := p.starred()
	if !p.take(",") {
		return n // most often: nothing is worth a list
	}
	parts := []*Node{n}
	for p.begins() {
		parts = append(parts, p.starred())
		if !p.take(",") {
			break
		}
	}
	return group(parts...)
}

// begins reports whether an expression may begin here.
func (p *parser) begins() bool {
	t := p.tokens[p.at]
	switch t.sort {
	case text, number:
		return true
	case word:
		return !keywords[t.text] || t.text == "None" || t.text == "True" || t.text == "False" || t.text == "not" || t.text == "lambda" || t.text == "await" || t.text == "yield"
	case op:
		switch t.text {
		case "(", "[", "{", "-", "+", "~", "*", "**", "...":
			return true
		}
	}
	return false
}

func (p *parser) yield() *Node {
	p.want("yield")
	if p.take("from") {
		return p.test()
	}
	if p.begins() {
		return p.expressions()
	}
	return nil
}

func (p *parser) starred() *Node {
	if p.take("*") {
		return p.binary()
	}
	return p.walrus()
}

// walrus is an expression, or name := expression.
func (p *parser) walrus() *Node {
	n := p.test()
	if p.is(":=") {
		if n == nil || n.Kind != Name {
			panic(p.invalid())
		}
		p.at++
		return &Node{Kind: Assign, Kids: some(n, p.test())}
	}
	return n
}

// test is a conditional expression or a lambda.
func (p *parser) test() *Node {
	defer p.enter()()
	if p.is("lambda") {
		return p.lambda()
	}
	n := p.logic()
	if !p.is("if") {
		return n
	}
	p.at++
	test := p.logic()
	p.want("else")
	return group(n, test, p.test())
}

func (p *parser) lambda() *Node {
	t := p.next()
	var parts []*Node
	for !p.is(":") {
		switch {
		case p.take("*") || p.take("**") || p.take("/") || p.take(","):
		default:
			p.name()
			if p.take("=") {
				parts = append(parts, p.test())
			}
		}
	}
	p.want(":")
	parts = append(parts, p.test())
	return &Node{Kind: Lambda, Line: int(t.line), Col: int(t.col), Kids: flat(parts)}
}

// logic is or, and, not: without effect on the tree.
func (p *parser) logic() *Node {
	n := p.negation()
	if !p.is("or") && !p.is("and") {
		return n
	}
	parts := []*Node{n}
	for p.take("or") || p.take("and") {
		parts = append(parts, p.negation())
	}
	return group(parts...)
}

func (p *parser) negation() *Node {
	for p.take("not") {
	}
	return p.comparison()
}

func (p *parser) comparison() *Node {
	start := p.tokens[p.at]
	n := p.binary()
	if !p.compares() {
		return n
	}
	parts := []*Node{n, p.binary()}
	for p.compares() {
		parts = append(parts, p.binary())
	}
	kids := some(parts...)
	if len(kids) == 0 {
		return nil
	}
	return &Node{Kind: Cmp, Line: int(start.line), Col: int(start.col), Kids: kids}
}

// compares takes an operator of comparison.
func (p *parser) compares() bool {
	t := p.tokens[p.at]
	if t.sort != op && t.sort != word {
		return false
	}
	switch t.text {
	case "<", ">", "==", ">=", "<=", "!=":
	case "in":
		if p.noIn > 0 {
			return false
		}
	case "not":
		if next := p.tokens[p.at+1]; next.sort != word || next.text != "in" {
			return false
		}
		p.at++
	case "is":
		p.at++
		p.take("not")
		return true
	default:
		return false
	}
	p.at++
	return true
}

// binary is everything that binds closer than a comparison: | ^ & << + * ** …
func (p *parser) binary() *Node {
	n := p.unary()
	if !p.operates() {
		return n
	}
	parts := []*Node{n, p.unary()}
	for p.operates() {
		parts = append(parts, p.unary())
	}
	return group(parts...)
}

func (p *parser) unary() *Node {
	for p.take("-") || p.take("+") || p.take("~") {
	}
	return p.power()
}

// operates takes an operator between two values.
func (p *parser) operates() bool {
	t := &p.tokens[p.at]
	if t.sort != op {
		return false
	}
	switch t.text {
	case "|", "^", "&", "<<", ">>", "+", "-", "*", "/", "//", "%", "@", "**":
		p.at++
		return true
	}
	return false
}

func (p *parser) power() *Node {
	if !p.is("await") {
		return p.primary()
	}
	t := p.next()
	return &Node{Kind: Await, Line: int(t.line), Col: int(t.col), Kids: some(p.primary())}
}

// primary is an atom with what follows it: .name, (arguments), [index].
func (p *parser) primary() *Node {
	defer p.enter()()
	start := p.tokens[p.at]
	n := p.atom()
	for {
		switch {
		case p.take("."):
			n = &Node{Kind: Attr, Line: int(start.line), Col: int(start.col), Text: p.name().text, Kids: some(n)}
		case p.take("("):
			n = &Node{Kind: Call, Line: int(start.line), Col: int(start.col), Kids: append([]*Node{orNothing(n)}, p.arguments()...)}
		case p.take("["):
			n = &Node{Kind: Index, Line: int(start.line), Col: int(start.col), Kids: some(n, p.slices())}
		default:
			return n
		}
	}
}

// orNothing keeps the place of a callee or an argument of which nothing is left,
// as of "text".join(1, x): which argument is which, matters.
func orNothing(n *Node) *Node {
	if n == nil {
		return &Node{Kind: Group}
	}
	return n
}

func (p *parser) arguments() []*Node {
	defer p.plain()()
	var args []*Node
	for !p.take(")") {
		args = append(args, orNothing(p.argument()))
		if !p.is(")") {
			p.want(",")
		}
	}
	return args
}

func (p *parser) argument() *Node {
	if p.take("*") || p.take("**") {
		return p.test()
	}
	if t := p.tokens[p.at]; t.sort == word && !keywords[t.text] && p.tokens[p.at+1].sort == op && p.tokens[p.at+1].text == "=" {
		p.at += 2
		return &Node{Kind: Kw, Text: t.text, Kids: some(p.test())}
	}
	n := p.walrus()
	if p.comprehends() {
		return p.comprehension(n)
	}
	return n
}

// slices reads what stands in brackets behind a value.
func (p *parser) slices() *Node {
	defer p.plain()()
	var parts []*Node
	for !p.take("]") {
		switch {
		case p.take(":") || p.take(","):
		case p.take("*"):
			parts = append(parts, p.binary())
		default:
			parts = append(parts, p.walrus())
			if !p.is(":") && !p.is(",") && !p.is("]") {
				panic(p.invalid())
			}
		}
	}
	return group(parts...)
}

// plain forgets, within brackets, what must not stand outside of them.
func (p *parser) plain() func() {
	kept := p.noIn
	p.noIn = 0
	return func() { p.noIn = kept }
}
