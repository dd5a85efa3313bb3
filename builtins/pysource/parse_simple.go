package pysource

import (
	"slices"
	"strings"
)

// simple reads the statements of one line.
func (p *parser) simple() []*Node {
	var out []*Node
	for {
		out = append(out, p.small()...)
		if !p.take(";") {
			break
		}
		if p.tokens[p.at].sort == newline {
			break
		}
	}
	if t := p.next(); t.sort != newline {
		panic(p.wrong(t, "invalid syntax"))
	}
	return flat(out)
}

func (p *parser) small() []*Node {
	t := p.tokens[p.at]
	if t.sort == word {
		switch t.text {
		case "pass", "continue":
			p.at++
			return nil
		case "break":
			p.at++
			return []*Node{{Kind: Leave, Text: "break"}}
		case "import":
			p.at++
			return p.imports()
		case "from":
			p.at++
			return p.importsFrom()
		case "global", "nonlocal":
			p.at++
			for p.name(); p.take(","); {
				p.name()
			}
			return nil
		case "return":
			p.at++
			n := &Node{Kind: Leave, Text: "return"}
			if p.begins() {
				n.Kids = some(p.expressions())
			}
			return []*Node{n}
		case "del":
			p.at++
			if !p.begins() {
				return nil
			}
			return []*Node{p.expressions()}
		case "raise":
			p.at++
			if !p.begins() {
				return nil
			}
			n := p.test()
			if p.take("from") {
				n = group(n, p.test())
			}
			return []*Node{n}
		case "assert":
			p.at++
			n := p.test()
			if p.take(",") {
				n = group(n, p.test())
			}
			return []*Node{n}
		case "type":
			if next := p.tokens[p.at+1]; next.sort == word && !keywords[next.text] {
				p.at++
				p.name()
				p.typeParams()
				p.want("=")
				p.test()
				return nil
			}
		}
	}
	return []*Node{p.assignment()}
}

var augmented = []string{"+=", "-=", "*=", "/=", "//=", "%=", "@=", "&=", "|=", "^=", ">>=", "<<=", "**="}

// assignment is an expression, or one with =, += or : behind it.
func (p *parser) assignment() *Node {
	n := p.expressions()
	if p.take(":") {
		kids := []*Node{n, p.annotation()}
		if p.take("=") {
			kids = append(kids, p.expressions())
		}
		return &Node{Kind: Ann, Kids: some(kids...)}
	}
	if t := p.tokens[p.at]; t.sort == op && slices.Contains(augmented, t.text) {
		p.at++
		return &Node{Kind: Assign, Kids: some(n, p.expressions())}
	}
	if !p.is("=") {
		return n
	}
	kids := []*Node{n}
	for p.take("=") {
		kids = append(kids, p.expressions())
	}
	return &Node{Kind: Assign, Kids: some(kids...)}
}

func (p *parser) dotted() string {
	name := p.name().text
	for p.take(".") {
		name += "." + p.name().text
	}
	return name
}

func (p *parser) imports() []*Node {
	var out []*Node
	for {
		module := p.dotted()
		local, _, _ := strings.Cut(module, ".")
		text := local + "=" + local
		if p.take("as") {
			text = p.name().text + "=" + module
		}
		out = append(out, &Node{Kind: Import, Text: text})
		if !p.take(",") {
			return out
		}
	}
}

func (p *parser) importsFrom() []*Node {
	module := ""
	for p.is(".") || p.is("...") {
		module += p.next().text
	}
	if !p.is("import") {
		module += p.dotted()
	}
	p.want("import")
	if p.take("*") {
		return []*Node{{Kind: Import, Text: "*=" + module}}
	}
	closes := p.take("(")
	var out []*Node
	for {
		name := p.name().text
		local := name
		if p.take("as") {
			local = p.name().text
		}
		out = append(out, &Node{Kind: Import, Text: local + "=" + join(module, name)})
		if !p.take(",") || closes && p.is(")") {
			break
		}
	}
	if closes {
		p.want(")")
	}
	return out
}

// join puts a name behind a module: ".api" + "x" is ".api.x", "." + "x" is ".x".
func join(module, name string) string {
	if strings.HasSuffix(module, ".") {
		return module + name
	}
	return module + "." + name
}
