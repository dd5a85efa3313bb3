package pysource

func (p *parser) atom() *Node {
	t := p.tokens[p.at]
	switch t.sort {
	case text:
		return p.value()
	case number:
		p.at++
		return nil
	case word:
		if !keywords[t.text] {
			p.at++
			return &Node{Kind: Name, Line: int(t.line), Col: int(t.col), Text: t.text}
		}
		switch t.text {
		case "True": // shield = True: the one constant that matters
			p.at++
			return &Node{Kind: Name, Line: int(t.line), Col: int(t.col), Text: t.text}
		case "None", "False":
			p.at++
			return nil
		}
	case op:
		switch t.text {
		case "...":
			p.at++
			return nil
		case "(", "[":
			p.at++
			return p.bracketed(map[string]string{"(": ")", "[": "]"}[t.text])
		case "{":
			p.at++
			return p.braced()
		}
	}
	panic(p.invalid())
}

// bracketed is a tuple, a list, or a comprehension of either.
func (p *parser) bracketed(closing string) *Node {
	defer p.plain()()
	if closing == ")" && p.is("yield") {
		n := p.yield()
		p.want(closing)
		return n
	}
	var parts []*Node
	for !p.take(closing) {
		n := p.starred()
		if p.comprehends() {
			n = p.comprehension(n)
			p.want(closing)
			return n
		}
		parts = append(parts, n)
		if !p.is(closing) {
			p.want(",")
		}
	}
	return group(parts...)
}

// braced is a set, a dict, or a comprehension of either.
func (p *parser) braced() *Node {
	defer p.plain()()
	var parts []*Node
	for !p.take("}") {
		if p.take("**") {
			parts = append(parts, p.binary())
		} else {
			n := p.starred()
			if p.take(":") {
				n = group(n, p.test())
			}
			parts = append(parts, n)
		}
		if p.comprehends() {
			n := p.comprehension(group(parts...))
			p.want("}")
			return n
		}
		if !p.is("}") {
			p.want(",")
		}
	}
	return group(parts...)
}

func (p *parser) comprehends() bool {
	return p.is("for") || p.is("async") && p.tokens[p.at+1].text == "for"
}

// comprehension reads what follows the element of one.
func (p *parser) comprehension(element *Node) *Node {
	parts := []*Node{element}
	for p.comprehends() {
		async := p.take("async")
		p.want("for")
		target := p.targets()
		p.want("in")
		from := p.logic()
		if async {
			parts = append(parts, &Node{Kind: Each, Kids: some(target, from)})
		} else {
			parts = append(parts, target, from)
		}
		for p.take("if") {
			n := p.condition()
			parts = append(parts, n)
		}
	}
	return group(parts...)
}

// condition is what may follow the if of a comprehension.
func (p *parser) condition() *Node {
	if p.is("lambda") {
		return p.lambda()
	}
	n := p.logic()
	if p.is(":=") {
		p.at++
		return &Node{Kind: Assign, Kids: some(n, p.logic())}
	}
	return n
}

// targets is what stands between for and in.
func (p *parser) targets() *Node {
	p.noIn++
	defer func() { p.noIn-- }()
	var parts []*Node
	for {
		p.take("*")
		parts = append(parts, p.binary())
		if !p.take(",") || p.is("in") {
			return group(parts...)
		}
	}
}
