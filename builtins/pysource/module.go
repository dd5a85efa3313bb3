package pysource

import (
	"path"
	"strings"
)

// Source is one file: its path, as findings will name it, and its tree.
type Source struct {
	Path string
	Tree *Node
}

// module is what a file defines.
type module struct {
	path    string
	dotted  string            // "piker.brokers.ib.api", as far as the path tells
	imports map[string]string // local name → what it stands for
	stars   []string          // modules of which all names were imported
	classes map[string]*class
	funcs   map[string]*function
	all     []*function // nested ones and methods, too
	top     *function   // what runs when it is imported
}

type class struct {
	module  *module
	name    string
	bases   []string // as written
	methods map[string]*function
	fields  map[string]*Node // self.x, or x: a type → annotation, or what was assigned
}

// function is a def. Its names are looked up in its own bindings, then in those
// of the function around it.
type function struct {
	module *module
	class  *class
	around *function
	node   *Node
	name   string // qualified: "MethodProxy._run_method"
	async  bool
	params map[string]*Node // annotations; nil = none
	order  []string         // of params
	ret    *Node
	body   []*Node
	nested map[string]*function

	seen *body // what is in it; see bodyOf
}

func newModule(s Source) *module {
	m := &module{path: s.Path, imports: map[string]string{}, classes: map[string]*class{}, funcs: map[string]*function{}}
	m.dotted = strings.ReplaceAll(strings.Trim(strings.TrimSuffix(path.Clean(strings.ReplaceAll(s.Path, `\`, "/")), ".py"), "./"), "/", ".")
	m.dotted = strings.TrimSuffix(m.dotted, ".__init__")
	m.top = &function{module: m, node: s.Tree, body: s.Tree.Kids, nested: m.funcs, async: true}
	m.define(s.Tree.Kids, m.top, nil)
	m.all = append(m.all, m.top)
	return m
}

// define notes the functions, classes and imports below nodes, wherever a
// condition or a try may have put them.
func (m *module) define(nodes []*Node, in *function, of *class) {
	for _, n := range nodes {
		switch n.Kind {
		case Import:
			local, whole, _ := strings.Cut(n.Text, "=")
			if local == "*" {
				m.stars = append(m.stars, whole)
			} else {
				m.imports[local] = whole
			}
		case Def, ADef:
			m.function(n, in, of)
		case Class:
			m.class(n, in)
		case Ann, Assign:
			if of != nil && len(n.Kids) > 1 && n.Kids[0].Kind == Name {
				of.fields[n.Kids[0].Text] = n.Kids[1]
			}
		default:
			m.define(n.Kids, in, of)
		}
	}
}

func (m *module) function(n *Node, in *function, of *class) {
	f := &function{module: m, class: of, around: in, node: n, name: n.Text, async: n.Kind == ADef, params: map[string]*Node{}, nested: map[string]*function{}}
	switch {
	case of != nil:
		f.name = of.name + "." + n.Text
		of.methods[n.Text] = f
	default:
		if in.name != "" {
			f.name = in.name + "." + n.Text
		}
		in.nested[n.Text] = f
	}
	for _, k := range n.Kids {
		switch k.Kind {
		case Param:
			f.params[k.Text] = first(k)
			f.order = append(f.order, k.Text)
		case Ret:
			f.ret = first(k)
		case Body:
			f.body = k.Kids
		}
	}
	m.all = append(m.all, f)
	m.define(f.body, f, nil)
	if of != nil {
		f.noteFields(f.body)
	}
}

// noteFields notes what a method puts into self.
func (f *function) noteFields(nodes []*Node) {
	for _, n := range nodes {
		switch n.Kind {
		case Def, ADef, Class, Lambda:
			continue
		case Assign, Ann:
			if len(n.Kids) < 2 {
				continue
			}
			target, value := n.Kids[0], n.Kids[1]
			if target.Kind != Attr || len(target.Kids) != 1 || target.Kids[0].Kind != Name || len(f.order) == 0 || target.Kids[0].Text != f.order[0] {
				continue
			}
			if value.Kind == Name && f.params[value.Text] != nil {
				value = f.params[value.Text]
			}
			if f.class.fields[target.Text] == nil || n.Kind == Ann {
				f.class.fields[target.Text] = value
			}
		}
		f.noteFields(n.Kids)
	}
}

func (m *module) class(n *Node, in *function) {
	c := &class{module: m, name: n.Text, methods: map[string]*function{}, fields: map[string]*Node{}}
	for _, k := range n.Kids {
		switch k.Kind {
		case Base:
			if b := first(k); b != nil && b.Kind != Kw {
				c.bases = append(c.bases, chain(b))
			}
		case Body:
			if _, known := m.classes[c.name]; !known {
				m.classes[c.name] = c
			}
			m.define(k.Kids, in, c)
		}
	}
}

func first(n *Node) *Node {
	if len(n.Kids) == 0 {
		return nil
	}
	return n.Kids[0]
}

// chain is an expression as it is written, when it is made of names only, calls
// and indices shown by their brackets: "self.proxies[]"; "" for any other.
func chain(n *Node) string {
	if n == nil {
		return ""
	}
	of := func(suffix string) string {
		if len(n.Kids) == 0 {
			return ""
		}
		if c := chain(n.Kids[0]); c != "" {
			return c + suffix
		}
		return ""
	}
	switch n.Kind {
	case Name:
		return n.Text
	case Attr:
		return of("." + n.Text)
	case Call:
		return of("()")
	case Index:
		return of("[]")
	case Await:
		return of("")
	}
	return ""
}

// last is the last name of a chain: "proxies" of "self.proxies[]".
func last(c string) string {
	c = strings.TrimRight(c, "()[]")
	return c[strings.LastIndexByte(c, '.')+1:]
}

// root is its first name.
func root(c string) string {
	if i := strings.IndexAny(c, ".(["); i >= 0 {
		return c[:i]
	}
	return c
}

// meant is what a chain stands for once imports are resolved: "trio.fail_after"
// for fa, when fa was imported as that.
func (m *module) meant(c string) string {
	r := root(c)
	if whole, ok := m.imports[r]; ok {
		return whole + c[len(r):]
	}
	return c
}
