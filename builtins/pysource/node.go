package pysource

import (
	"fmt"
	"strconv"
	"strings"
)

// Kind is what a Node stands for.
type Kind string

// The kinds. Of an expression that is none of these only its parts are kept, in
// the order of the source.
const (
	File   Kind = "file"
	Name   Kind = "name"   // Text
	Attr   Kind = "attr"   // Text of the value Kids[0]
	Call   Kind = "call"   // of Kids[0], with the other kids; an empty group where nothing is left of one
	Kw     Kind = "kw"     // Text = Kids[0], an argument
	Await  Kind = "await"  // Kids[0]
	Cmp    Kind = "cmp"    // of all kids with each other
	Index  Kind = "index"  // Kids[0] [ the others ]
	Str    Kind = "str"    // Text, where that could be a name
	Lambda Kind = "lambda" // is not run where it stands
	Assign Kind = "assign" // Kids[0], … = the last
	Ann    Kind = "ann"    // Kids[0]: Kids[1] = Kids[2]
	Group  Kind = "group"  // of expressions
	Each   Kind = "each"   // async for Kids[0] in Kids[1]
	Loop   Kind = "loop"   // Text = for, async for, while; head and body, without its else
	Leave  Kind = "leave"  // Text = return, break; Kids[0] is what is returned
	Case   Kind = "case"   // words of a pattern, sorted, with blanks between

	Def    Kind = "def"  // decorators, params, defaults, returns, body
	ADef   Kind = "adef" // async
	Param  Kind = "param"
	Deco   Kind = "deco"
	Ret    Kind = "ret"
	Class  Kind = "class" // decorators, bases, body
	Base   Kind = "base"
	Body   Kind = "body"
	With   Kind = "with" // items, body
	AWith  Kind = "awith"
	Item   Kind = "item"   // context, target
	Import Kind = "import" // "local=module.name", "*=module"
	If     Kind = "if"     // test, body, test, body, …, else
	Test   Kind = "test"
	Else   Kind = "else"
	Except Kind = "except"
	Final  Kind = "finally"
)

// Node is a part of a reduced source. Line counts from 1, Col is in bytes from
// 0; both are 0 where a kind has no place of its own. What stands in an
// f-string has the place of that string.
type Node struct {
	Kind      Kind
	Line, Col int
	Text      string
	Kids      []*Node
}

// Decode reads a tree as the script for Python writes it: a line for each node,
// parents first: kind, line, column, number of kids, text. Errors name the line.
func Decode(text string) (*Node, error) {
	d := &decoder{rest: text}
	n, err := d.node(0)
	if err == nil && d.rest != "" {
		err = fmt.Errorf("tree of a source: line %d is one too many", d.line+1)
	}
	return n, err
}

type decoder struct {
	rest string
	line int
}

const deepest = 20000 // the script reads no deeper

func (d *decoder) node(depth int) (*Node, error) {
	var line string
	line, d.rest, _ = strings.Cut(d.rest, "\n")
	d.line++
	f := strings.SplitN(line, " ", 5)
	n, kids := &Node{}, 0
	if len(f) != 5 || depth > deepest {
		return nil, fmt.Errorf("tree of a source: line %d: %.60q is no node", d.line, line)
	}
	n.Kind, n.Text = Kind(f[0]), f[4]
	for i, into := range []*int{&n.Line, &n.Col, &kids} {
		v, err := strconv.Atoi(f[i+1])
		if err != nil {
			return nil, fmt.Errorf("tree of a source: line %d: %w", d.line, err)
		}
		*into = v
	}
	for range kids {
		k, err := d.node(depth + 1)
		if err != nil {
			return nil, err
		}
		n.Kids = append(n.Kids, k)
	}
	return n, nil
}

// String is the tree in one line, for tests: call(attr.get(name.proxy)).
func (n *Node) String() string {
	var b strings.Builder
	n.write(&b)
	return b.String()
}

func (n *Node) write(b *strings.Builder) {
	b.WriteString(string(n.Kind))
	if n.Text != "" {
		b.WriteString("." + n.Text)
	}
	if n.Line > 0 {
		fmt.Fprintf(b, "@%d:%d", n.Line, n.Col)
	}
	if len(n.Kids) == 0 {
		return
	}
	b.WriteByte('(')
	for i, k := range n.Kids {
		if i > 0 {
			b.WriteByte(' ')
		}
		k.write(b)
	}
	b.WriteByte(')')
}

// group makes one node of several; nil of none. Groups within are dissolved, so
// that a reader need not know how operators bind.
func group(nodes ...*Node) *Node {
	kids := flat(nodes)
	switch len(kids) {
	case 0:
		return nil
	case 1:
		return kids[0]
	}
	return &Node{Kind: Group, Kids: kids}
}

// flat drops what is nil and dissolves groups.
func flat(nodes []*Node) []*Node {
	var out []*Node
	for _, n := range nodes {
		switch {
		case n == nil:
		case n.Kind == Group:
			out = append(out, n.Kids...)
		default:
			out = append(out, n)
		}
	}
	return out
}

// some drops what is nil.
func some(nodes ...*Node) []*Node {
	var out []*Node
	for _, n := range nodes {
		if n != nil {
			out = append(out, n)
		}
	}
	return out
}
