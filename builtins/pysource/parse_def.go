package pysource

import "strings"

func (p *parser) decorated() *Node {
	var decos []*Node
	for p.take("@") {
		decos = append(decos, &Node{Kind: Deco, Kids: some(p.walrus())})
		if p.next().sort != newline {
			panic(p.invalid())
		}
	}
	switch t := p.tokens[p.at]; {
	case p.is("class"):
		return p.class(decos)
	case p.take("async"):
		n := p.def(decos, true)
		n.Line, n.Col = int(t.line), int(t.col)
		return n
	}
	return p.def(decos, false)
}

func (p *parser) async() []*Node {
	t := p.next()
	var n *Node
	switch {
	case p.is("def"):
		n = p.def(nil, true)
	case p.is("with"):
		n = p.with(true)
	case p.is("for"):
		return p.loop(true)
	default:
		panic(p.invalid())
	}
	n.Line, n.Col = int(t.line), int(t.col)
	return []*Node{n}
}

func (p *parser) def(decos []*Node, async bool) *Node {
	t := p.tokens[p.at]
	p.want("def")
	n := &Node{Kind: Def, Line: int(t.line), Col: int(t.col), Text: p.name().text, Kids: decos}
	if async {
		n.Kind = ADef
	}
	p.typeParams()
	p.want("(")
	params, defaults := p.params()
	n.Kids = append(append(n.Kids, params...), defaults...)
	if p.take("->") {
		n.Kids = append(n.Kids, &Node{Kind: Ret, Kids: some(p.annotation())})
	}
	n.Kids = append(n.Kids, p.body())
	return n
}

func (p *parser) params() (params, defaults []*Node) {
	defer p.plain()()
	for !p.take(")") {
		switch {
		case p.take("/"):
		case p.take("*") && p.is(","):
		default:
			p.take("**")
			param := &Node{Kind: Param, Text: p.name().text}
			if p.take(":") {
				param.Kids = some(p.annotation())
			}
			params = append(params, param)
			if p.take("=") {
				defaults = append(defaults, p.test())
			}
		}
		if !p.is(")") {
			p.want(",")
		}
	}
	return params, flat(defaults)
}

// annotation reads a type. One in quotes is read as if it had none, with the
// place of the text.
func (p *parser) annotation() *Node {
	t, next := p.tokens[p.at], p.tokens[min(p.at+1, len(p.tokens)-1)]
	ends := next.sort == newline || next.sort == op && (next.text == "," || next.text == ")" || next.text == "=" || next.text == ":")
	if t.sort != text || !ends || strings.ContainsAny(t.text[:t.prefix], "bBfFtT") {
		return p.plainType()
	}
	p.at++
	written := unescaped(t.inner(), strings.ContainsAny(t.text[:t.prefix], "rR"))
	if strings.HasPrefix(strings.TrimSpace(written), "*") {
		return nil
	}
	tokens, err := scan([]byte("(" + written + "\n)"))
	if err != nil {
		return nil
	}
	n, err := (&parser{tokens: tokens, deep: p.deep}).whole()
	if err != nil {
		return nil
	}
	stand(n, t)
	return n
}

// plainType is a type as it stands: *args may have a starred one.
func (p *parser) plainType() *Node {
	if p.is("*") {
		return p.starred()
	}
	return p.test()
}

// typeParams goes past [T: int, *Ts, **P = …].
func (p *parser) typeParams() {
	if !p.take("[") {
		return
	}
	for depth := 1; depth > 0; {
		t := p.next()
		switch {
		case t.sort == end || t.sort == newline:
			panic(p.wrong(t, "invalid syntax"))
		case t.sort == op && (t.text == "[" || t.text == "(" || t.text == "{"):
			depth++
		case t.sort == op && (t.text == "]" || t.text == ")" || t.text == "}"):
			depth--
		}
	}
}

func (p *parser) class(decos []*Node) *Node {
	t := p.tokens[p.at]
	p.want("class")
	n := &Node{Kind: Class, Line: int(t.line), Col: int(t.col), Text: p.name().text, Kids: decos}
	p.typeParams()
	if p.take("(") {
		for _, b := range p.arguments() {
			if kids := flat([]*Node{b}); len(kids) > 0 {
				n.Kids = append(n.Kids, &Node{Kind: Base, Kids: kids})
			}
		}
	}
	n.Kids = append(n.Kids, p.body())
	return n
}
