package pysource

import (
	"slices"
	"strings"
)

func (p *parser) with(async bool) *Node {
	t := p.tokens[p.at]
	p.want("with")
	n := &Node{Kind: With, Line: int(t.line), Col: int(t.col)}
	if async {
		n.Kind = AWith
	}
	// Parentheses may hold all the items, or be part of the first.
	mark := p.at
	if p.is("(") && p.holdsItems() {
		p.at++
		n.Kids = p.items(")")
		p.want(")")
	} else {
		p.at = mark
		n.Kids = p.items("")
	}
	n.Kids = append(n.Kids, p.body())
	return n
}

// holdsItems reports whether the parenthesis that begins here ends right before
// the colon, and holds items: an "as" or a comma of its own, and no generator.
func (p *parser) holdsItems() bool {
	depth := 0
	for i := p.at; ; i++ {
		t := p.tokens[i]
		switch {
		case t.sort == end:
			return false
		case t.sort != op && t.sort != word:
		case t.text == "(" || t.text == "[" || t.text == "{":
			depth++
		case t.text == ")" || t.text == "]" || t.text == "}":
			if depth--; depth == 0 {
				next := p.tokens[i+1]
				return next.sort == op && next.text == ":" && !p.isTuple(i)
			}
		case depth == 1 && t.sort == word && (t.text == "for" || t.text == "yield" || t.text == "lambda"):
			return false
		case depth == 1 && t.sort == op && t.text == ":=":
			return false
		}
	}
}

// isTuple reports whether with (a, *b): is meant: nobody writes that.
func (p *parser) isTuple(closing int) bool {
	depth := 0
	for i := p.at; i < closing; i++ {
		t := p.tokens[i]
		if t.sort != op {
			continue
		}
		switch t.text {
		case "(", "[", "{":
			depth++
		case ")", "]", "}":
			depth--
		case "*":
			before := p.tokens[i-1]
			if depth == 1 && before.sort == op && (before.text == "," || before.text == "(") {
				return true
			}
		}
	}
	return false
}

func (p *parser) items(closing string) []*Node {
	if closing != "" {
		defer p.plain()()
	}
	var items []*Node
	for {
		item := &Node{Kind: Item, Kids: some(p.test())}
		if p.take("as") {
			if p.take("*") {
				panic(p.invalid())
			}
			item.Kids = append(item.Kids, some(p.binary())...)
		}
		items = append(items, item)
		if !p.take(",") || closing != "" && p.is(closing) {
			return items
		}
	}
}

// ifs reads an if with all that belongs to it. An else that holds nothing but
// an if is the same as elif.
func (p *parser) ifs() (n *Node, count int) {
	n = &Node{Kind: If}
	for {
		p.at++ // if, elif
		test := &Node{Kind: Test, Kids: some(p.walrus())}
		n.Kids = append(n.Kids, test, p.body())
		if p.is("elif") {
			continue
		}
		if !p.take("else") {
			return n, 1
		}
		kids, count := p.block()
		if count == 1 && len(kids) == 1 && kids[0].Kind == If {
			n.Kids = append(n.Kids, kids[0].Kids...)
		} else {
			n.Kids = append(n.Kids, &Node{Kind: Else, Kids: kids})
		}
		return n, 1
	}
}

func (p *parser) loop(async bool) []*Node {
	p.want("for")
	target := p.targets()
	p.want("in")
	from := p.expressions()
	if async {
		return p.orElse("async for", []*Node{{Kind: Each, Kids: some(target, from)}})
	}
	return p.orElse("for", []*Node{target, from})
}

// orElse reads the body of a loop, and its else.
func (p *parser) orElse(what string, head []*Node) []*Node {
	body, _ := p.block()
	out := []*Node{{Kind: Loop, Text: what, Kids: flat(append(head, body...))}}
	if p.take("else") {
		more, _ := p.block()
		out = append(out, more...)
	}
	return flat(out)
}

func (p *parser) try() []*Node {
	p.at++
	out, _ := p.block()
	handled := false
	for p.take("except") {
		handled = true
		p.take("*")
		var parts []*Node
		if !p.is(":") {
			parts = append(parts, p.expressions())
			if p.take("as") {
				p.name()
			}
		}
		body, _ := p.block()
		out = append(out, &Node{Kind: Except, Kids: flat(append(parts, body...))})
	}
	if handled && p.take("else") {
		body, _ := p.block()
		out = append(out, body...)
	}
	if p.take("finally") {
		handled = true
		body, _ := p.block()
		out = append(out, &Node{Kind: Final, Kids: body})
	}
	if !handled {
		panic(p.wrong(p.tokens[p.at], "expected 'except' or 'finally' block"))
	}
	return out
}

// match reads a match statement; nil when this is none: match is a name, too.
func (p *parser) match() []*Node {
	mark := p.at
	end := p.logicalEnd(p.at)
	// match …: newline indent case …: as a slice would be in brackets, the
	// colon at the end of the line decides.
	if end < 2 || p.tokens[end-1].text != ":" || p.tokens[end-1].sort != op || end-1 == mark+1 ||
		p.tokens[end+1].sort != indent || p.tokens[end+2].sort != word || p.tokens[end+2].text != "case" {
		return nil
	}
	p.at++
	out := []*Node{p.expressions()}
	p.want(":")
	p.at += 2 // newline, indent
	for p.tokens[p.at].sort != dedent {
		p.want("case")
		words := p.pattern()
		n := &Node{Kind: Case, Text: words}
		if p.take("if") {
			n.Kids = some(p.walrus())
		}
		body, _ := p.block()
		out = append(append(out, n), body...)
	}
	p.at++
	return flat(out)
}

// logicalEnd is the index of the newline that ends the line of token i.
func (p *parser) logicalEnd(i int) int {
	for p.tokens[i].sort != newline && p.tokens[i].sort != end {
		i++
	}
	if p.tokens[i].sort == end {
		return 0
	}
	return i
}

// pattern reads up to the guard or the colon, and returns the words in it.
func (p *parser) pattern() string {
	var words []string
	for depth := 0; ; p.at++ {
		t := p.tokens[p.at]
		switch {
		case t.sort == end || t.sort == newline:
			panic(p.invalid())
		case t.sort == op && (t.text == "(" || t.text == "[" || t.text == "{"):
			depth++
		case t.sort == op && (t.text == ")" || t.text == "]" || t.text == "}"):
			depth--
		case depth == 0 && (t.sort == op && t.text == ":" || t.sort == word && t.text == "if"):
			slices.Sort(words)
			return strings.Join(slices.Compact(words), " ")
		case t.sort == word && !keywords[t.text] && t.text != "_":
			words = append(words, t.text)
		case t.sort == text:
			if n := p.value(); n != nil && n.Kind == Str {
				words = append(words, n.Text)
			}
			p.at--
		}
	}
}
