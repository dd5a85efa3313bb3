package pysource

import (
	"slices"
	"strings"
)

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
		return p.orElse([]*Node{p.walrus()})
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
		return p.orElse([]*Node{{Kind: Each, Kids: some(target, from)}})
	}
	return p.orElse([]*Node{target, from})
}

// orElse reads the body of a loop, and its else.
func (p *parser) orElse(head []*Node) []*Node {
	body, _ := p.block()
	head = append(head, body...)
	if p.take("else") {
		more, _ := p.block()
		head = append(head, more...)
	}
	return flat(head)
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
		case "pass", "break", "continue":
			p.at++
			return nil
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
		case "return", "del":
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
