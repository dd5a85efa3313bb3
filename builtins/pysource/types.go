package pysource

import "strings"

// index is all sources that were read together.
type index struct {
	names   Names
	modules []*module
	classes map[string][]*class    // by name
	funcs   map[string][]*function // of the top level, by name
	methods map[string][]*function // by name
	// given are the types of arguments where a call is being followed into a
	// function that does not say what it takes.
	given map[*function]map[string]typed
	trips map[*function][]*RoundTrip // found so far
}

func newIndex(sources []Source, names Names) *index {
	x := &index{names: names, classes: map[string][]*class{}, funcs: map[string][]*function{}, methods: map[string][]*function{}, given: map[*function]map[string]typed{}, trips: map[*function][]*RoundTrip{}}
	for _, s := range sources {
		if s.Tree == nil {
			continue
		}
		m := newModule(s)
		x.modules = append(x.modules, m)
		for _, c := range m.classes {
			x.classes[c.name] = append(x.classes[c.name], c)
			for name, f := range c.methods {
				x.methods[name] = append(x.methods[name], f)
			}
		}
		for name, f := range m.funcs {
			x.funcs[name] = append(x.funcs[name], f)
		}
	}
	return x
}

// of picks the one that a name of module m stands for, among those of that name
// in all sources: its own, else the one of the module that it was imported
// from, else the only one. Two that may be meant are none.
func pick[T any](all []T, m *module, written string, home func(T) *module) (T, bool) {
	var none T
	var fits []T
	whole := m.meant(written)
	from := ""
	if i := strings.LastIndexByte(whole, '.'); i > 0 {
		from = strings.TrimLeft(whole[:i], ".")
	}
	for _, one := range all {
		h := home(one)
		switch {
		case whole == written && h == m:
			return one, true
		case from != "" && (h.dotted == from || strings.HasSuffix("."+h.dotted, "."+from)):
			fits = append(fits, one)
		}
	}
	if len(fits) == 0 && (whole == written || strings.HasPrefix(whole, ".")) || len(fits) == 0 && len(all) == 1 {
		fits = all // a star import, or a package that passes it on
	}
	if len(fits) == 1 {
		return fits[0], true
	}
	return none, false
}

func (x *index) class(m *module, written string) *class {
	written = strings.TrimRight(written, "()[]")
	if _, imported := m.imports[root(written)]; !imported && strings.Contains(written, ".") {
		return nil
	}
	c, _ := pick(x.classes[last(m.meant(written))], m, written, func(c *class) *module { return c.module })
	return c
}

// function finds what a plain call means: a function nested around the caller,
// one of its module, or one that was imported.
func (x *index) function(from *function, written string) *function {
	if !strings.Contains(written, ".") {
		for f := from; f != nil; f = f.around {
			if g := f.nested[written]; g != nil {
				return g
			}
			if _, is := f.params[written]; is {
				return nil
			}
		}
		if _, imported := from.module.imports[written]; !imported && len(from.module.stars) == 0 {
			return nil
		}
	} else if _, imported := from.module.imports[root(written)]; !imported {
		return nil
	}
	f, _ := pick(x.funcs[last(from.module.meant(written))], from.module, written, func(f *function) *module { return f.module })
	return f
}

// method finds a method of a class or of its bases. open is whether there may be
// methods that nobody sees: a base is not among the sources.
func (x *index) method(c *class, name string, depth int) (f *function, open bool) {
	if f := c.methods[name]; f != nil {
		return f, false
	}
	for _, b := range c.bases {
		base := x.class(c.module, b)
		switch {
		case base == nil || base == c || depth > 8:
			open = open || !plainBases[last(b)]
		default:
			f, o := x.method(base, name, depth+1)
			if f != nil {
				return f, o
			}
			open = open || o
		}
	}
	return nil, open
}

var (
	plainBases = words("object Generic Protocol ABC Struct")
	// wrappers are types that say nothing of what is in them.
	wrappers = words("Optional Union Annotated Any None ClassVar Final Type type dict list tuple set frozenset Dict List Tuple Set FrozenSet Mapping MutableMapping " +
		"Sequence Iterable Iterator Generator AsyncIterator AsyncIterable AsyncGenerator Awaitable Coroutine AbstractAsyncContextManager AsyncContextManager " +
		"AbstractContextManager ContextManager str int float bool bytes object")
)

// typed is what is known of the class of a value.
type typed struct {
	name  string // as imports have it: "tractor.Portal"; "" = nothing
	class *class // among the sources; nil = not there
}

// annotated is the type that an annotation names: the first that is one of the
// sources, else the first that is no wrapper.
func (x *index) annotated(m *module, n *Node) typed {
	var t typed
	var find func(n *Node) bool
	find = func(n *Node) bool {
		if n == nil {
			return false
		}
		if n.Kind == Name || n.Kind == Attr || n.Kind == Str {
			written := n.Text
			if n.Kind == Attr {
				written = chain(n)
			}
			if wrappers[last(written)] || written == "" {
				return false
			}
			if c := x.class(m, written); c != nil {
				t = typed{c.module.dotted + "." + c.name, c}
				return true
			}
			if t.name == "" {
				t.name = m.meant(written)
			}
			return false
		}
		for _, k := range n.Kids {
			if find(k) {
				return true
			}
		}
		return false
	}
	find(n)
	return t
}

// made is the type of what an expression gives, when it tells: a class that is
// called, or a function that says what it returns.
func (x *index) made(f *function, n *Node, depth int) typed {
	for n != nil && n.Kind == Await {
		n = first(n)
	}
	if n == nil || depth > 6 {
		return typed{}
	}
	if n.Kind != Call {
		if c := chain(n); c != "" && n.Kind != Index {
			return x.typeOf(f, c, depth+1)
		}
		return typed{}
	}
	written := chain(n.Kids[0])
	if written == "" {
		return typed{}
	}
	if c := x.class(f.module, written); c != nil {
		return typed{c.module.dotted + "." + c.name, c}
	}
	if g := x.called(f, written, depth+1); g != nil {
		if g.ret != nil {
			return x.annotated(g.module, g.ret)
		}
		return typed{}
	}
	if isClassName(last(written)) {
		return typed{name: f.module.meant(written)}
	}
	return typed{}
}

// called is the function that a callee names, when it is a plain one or a
// method of a value whose class is known.
func (x *index) called(f *function, written string, depth int) *function {
	if g := x.function(f, written); g != nil {
		return g
	}
	i := strings.LastIndexByte(written, '.')
	if i < 0 || depth > 6 {
		return nil
	}
	if t := x.typeOf(f, written[:i], depth+1); t.class != nil {
		g, _ := x.method(t.class, written[i+1:], 0)
		return g
	}
	return nil
}

// typeOf is the type of a chain within a function.
func (x *index) typeOf(f *function, c string, depth int) typed {
	if depth > 6 || c == "" || strings.ContainsAny(c, "()[]") {
		return typed{}
	}
	r := root(c)
	rest := strings.TrimPrefix(c[len(r):], ".")
	var t typed
	if of := f.selfClass(r); of != nil {
		t = typed{of.module.dotted + "." + of.name, of}
	} else {
		t = x.variable(f, r, depth)
	}
	for rest != "" && t.name != "" {
		field := root(rest)
		rest = strings.TrimPrefix(rest[len(field):], ".")
		if t.class == nil {
			return typed{}
		}
		t = x.field(t.class, field, depth)
	}
	return t
}

// selfClass is the class of which name is the self, in this method or in the
// one around; nil when it is none.
func (f *function) selfClass(name string) *class {
	for g := f; g != nil; g = g.around {
		if g.class != nil && len(g.order) > 0 && g.order[0] == name {
			return g.class
		}
	}
	return nil
}

func (x *index) field(c *class, name string, depth int) typed {
	n := c.fields[name]
	if n == nil {
		for _, b := range c.bases {
			if base := x.class(c.module, b); base != nil && base != c && depth < 6 {
				if t := x.field(base, name, depth+1); t.name != "" {
					return t
				}
			}
		}
		return typed{}
	}
	if n.Kind == Call {
		return x.made(c.module.top, n, depth+1)
	}
	return x.annotated(c.module, n)
}

func (x *index) variable(f *function, name string, depth int) typed {
	for g := f; g != nil; g = g.around {
		if n, is := g.params[name]; is && n != nil {
			return x.annotated(g.module, n)
		} else if is {
			return x.given[g][name]
		}
		if n := annotationOf(g.body, name); n != nil {
			return x.annotated(g.module, n)
		}
		b := bodyOf(g, x.names)
		for i := len(b.binds) - 1; i >= 0; i-- {
			if b.binds[i].target == name {
				if t := x.made(g, b.binds[i].value, depth+1); t.name != "" {
					return t
				}
			}
		}
	}
	return typed{}
}

// annotationOf finds "name: type" among statements.
func annotationOf(nodes []*Node, name string) *Node {
	for _, n := range nodes {
		switch n.Kind {
		case Def, ADef, Class, Lambda:
		case Ann:
			if len(n.Kids) > 1 && n.Kids[0].Kind == Name && n.Kids[0].Text == name {
				return n.Kids[1]
			}
		default:
			if t := annotationOf(n.Kids, name); t != nil {
				return t
			}
		}
	}
	return nil
}
