package pysource

// Parse reads a source. It knows the grammar of Python 3.8 to 3.14 well enough
// to find the parts of a Node; what is wrong beyond that, it does not notice.
//
// Errors: an *Error with the place of what it does not understand.
func Parse(src []byte) (n *Node, err error) {
	tokens, err := scan(src)
	if err != nil {
		return nil, err
	}
	p := &parser{tokens: tokens}
	defer p.catch(&err)
	var body []*Node
	for p.tokens[p.at].sort != end {
		body = append(body, p.statement()...)
	}
	return &Node{Kind: File, Kids: flat(body)}, nil
}

func (p *parser) catch(err *error) {
	switch e := recover().(type) {
	case nil:
	case *Error:
		*err = e
	default:
		panic(e)
	}
}

// whole reads tokens that are one expression.
func (p *parser) whole() (n *Node, err error) {
	defer p.catch(&err)
	n = p.expressions()
	if p.tokens[p.at].sort == newline {
		p.at++
	}
	if p.tokens[p.at].sort != end {
		panic(p.invalid())
	}
	return n, nil
}

// statement reads a compound statement, or a line of simple ones.
func (p *parser) statement() []*Node {
	defer p.enter()()
	t := p.tokens[p.at]
	switch {
	case t.sort == newline: // a lone semicolon's, or that of an empty file
		p.at++
		return nil
	case t.sort == op && t.text == "@":
		return []*Node{p.decorated()}
	case t.sort != word:
		return p.simple()
	}
	switch t.text {
	case "def":
		return []*Node{p.def(nil, false)}
	case "class":
		return []*Node{p.class(nil)}
	case "with":
		return []*Node{p.with(false)}
	case "async":
		return p.async()
	case "if":
		n, _ := p.ifs()
		return []*Node{n}
	case "for":
		return p.loop(false)
	case "while":
		p.at++
		return p.orElse("while", []*Node{{Kind: Test, Kids: some(p.walrus())}})
	case "try":
		return p.try()
	case "match":
		if n := p.match(); n != nil {
			return n
		}
	}
	return p.simple()
}

// block reads ":" and what follows it: simple statements on the same line, or
// an indented block. It also tells how many statements these were.
func (p *parser) block() (body []*Node, count int) {
	p.want(":")
	if p.tokens[p.at].sort != newline {
		at := p.at
		body = p.simple()
		return flat(body), 1 + p.semicolons(at)
	}
	p.at++
	if p.tokens[p.at].sort != indent {
		panic(p.wrong(p.tokens[p.at], "expected an indented block"))
	}
	p.at++
	for p.tokens[p.at].sort != dedent {
		body = append(body, p.statement()...)
		count++
	}
	p.at++
	return flat(body), count
}

// semicolons counts those of a line that begin another statement.
func (p *parser) semicolons(from int) int {
	n := 0
	for i := from; i < p.at-2; i++ {
		if t := p.tokens[i]; t.sort == op && t.text == ";" {
			n++
		}
	}
	return n
}

func (p *parser) body() *Node {
	kids, _ := p.block()
	return &Node{Kind: Body, Kids: kids}
}
