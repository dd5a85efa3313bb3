package pysource

import "strings"

// body is what happens in one function, in the order of the source. What is
// nested in it, and lambdas, happen elsewhere.
type body struct {
	sites  []*site
	binds  []bind
	marks  []mark
	scopes []*scope
}

// site is a call that is awaited, or run by somebody who is.
type site struct {
	order    int
	node     *Node // the call; of an "async for", what is iterated
	receiver string
	method   string
	how      string   // "await", "async with", "async for", "task", "" = plain
	scopes   []*scope // that may cancel it, innermost last
	shielded bool     // nothing cancels it from outside
	lock     *Node    // around it
	handles  bool     // stands where a cancellation is handled
	args     []*Node
	within   *site   // the call of which it is an argument
	loops    []*Node // around it, innermost last
}

// bind gives a name a value.
type bind struct {
	order  int
	target string // chain
	value  *Node
	with   bool // as of a with
	scopes []*scope
}

// mark is a place where values are told apart: a comparison, an index, a key.
type mark struct {
	order int
	node  *Node
}

// place is where the walker is.
type place struct {
	scopes   []*scope
	shielded bool
	lock     *Node
	handles  bool
	how      string
	within   *site
	loops    []*Node
}

type walker struct {
	f     *function
	names Names
	b     *body
	n     int
}

// bodyOf reads a function once.
func bodyOf(f *function, names Names) *body {
	if f.seen == nil {
		f.seen = &body{}
		w := &walker{f: f, names: names, b: f.seen}
		w.all(f.body, place{})
	}
	return f.seen
}

// all walks statements. What enters a scope by enter_context is in it until
// the block ends.
func (w *walker) all(nodes []*Node, at place) {
	for _, n := range nodes {
		w.node(n, at)
		if s := w.entered(n); s != nil {
			at = w.enter(s, at)
		}
	}
}

func (w *walker) entered(n *Node) *scope {
	if n.Kind == Assign && len(n.Kids) > 1 {
		n = n.Kids[len(n.Kids)-1]
	}
	if n.Kind == Await {
		n = first(n)
	}
	if n == nil || n.Kind != Call || len(n.Kids) < 2 {
		return nil
	}
	switch last(chain(n.Kids[0])) {
	case "enter_context", "enter_async_context":
		return w.f.scopeOf(n.Kids[1])
	}
	return nil
}

func (w *walker) enter(s *scope, at place) place {
	w.b.scopes = append(w.b.scopes, s)
	if s.shields {
		at.scopes, at.shielded = nil, true
		if s.kind == "CancelScope" && s.named == "" {
			return at // without a deadline and a name nobody cancels it
		}
	}
	at.scopes = append(at.scopes[:len(at.scopes):len(at.scopes)], s)
	return at
}

func (w *walker) node(n *Node, at place) {
	w.n++
	how := at.how
	at.how = ""
	switch n.Kind {
	case Def, ADef, Class, Lambda, Import:
	case With, AWith:
		w.with(n, at)
	case Await:
		at.how = "await"
		w.all(n.Kids, at)
	case Call:
		w.call(n, at, how)
	case Each:
		w.each(n, at)
	case Assign, Ann:
		w.bind(n, at)
	case Cmp, Index, Case:
		w.b.marks = append(w.b.marks, mark{w.n, n})
		w.all(n.Kids, at)
	case Loop:
		at.loops = append(at.loops[:len(at.loops):len(at.loops)], n)
		w.all(n.Kids, at)
	case Except, Final:
		at.handles = true
		w.all(n.Kids, at)
	case If:
		told := false
		for _, k := range n.Kids {
			told = told || k.Kind == Test && mentions(k, func(s string) bool { return tellsTime[s] })
		}
		at.handles = at.handles || told
		for _, k := range n.Kids {
			w.all(k.Kids, at)
		}
	default:
		w.all(n.Kids, at)
	}
}

func (w *walker) with(n *Node, at place) {
	for _, item := range n.Kids {
		if item.Kind != Item {
			w.all(item.Kids, at)
			continue
		}
		context, target := first(item), ""
		if len(item.Kids) > 1 {
			target = chain(item.Kids[1])
		}
		s := w.f.scopeOf(context)
		if s == nil {
			s = w.kept(context)
		}
		if s != nil {
			s.named = target
			w.all(context.Kids, at)
			at = w.enter(s, at)
			continue
		}
		inner := at
		if n.Kind == AWith {
			inner.how = "async with"
		}
		if context != nil {
			if w.names.Locks.MatchString(last(chain(context))) {
				at.lock = context
			}
			w.node(context, inner)
		}
		if target != "" {
			w.n++
			w.b.binds = append(w.b.binds, bind{w.n, target, context, true, at.scopes})
		}
	}
}

// kept finds the scope that a variable or field holds: cs = trio.CancelScope().
func (w *walker) kept(context *Node) *scope {
	c := chain(context)
	if c == "" || context.Kind == Call {
		return nil
	}
	value := w.value(c)
	if value == nil && w.f.class != nil && strings.HasPrefix(c, "self.") {
		value = w.f.class.fields[c[len("self."):]]
	}
	s := w.f.scopeOf(value)
	if s != nil {
		s.node = context
	}
	return s
}

// value is what a chain was bound to last.
func (w *walker) value(c string) *Node {
	for i := len(w.b.binds) - 1; i >= 0; i-- {
		if b := w.b.binds[i]; b.target == c && !b.with {
			return b.value
		}
	}
	return nil
}

func (w *walker) bind(n *Node, at place) {
	targets, value := n.Kids, (*Node)(nil)
	switch {
	case n.Kind == Ann && len(n.Kids) > 2:
		targets, value = n.Kids[:1], n.Kids[2]
	case n.Kind == Ann && len(n.Kids) > 0:
		targets = n.Kids[:1]
	case n.Kind == Assign && len(n.Kids) > 1:
		targets, value = n.Kids[:len(n.Kids)-1], n.Kids[len(n.Kids)-1]
	}
	if value != nil {
		w.node(value, at)
	}
	for _, t := range targets {
		w.all([]*Node{t}, at)
		w.n++
		if value == nil {
			continue
		}
		for _, one := range flat([]*Node{t}) {
			w.b.binds = append(w.b.binds, bind{w.n, chain(one), value, false, at.scopes})
		}
	}
}

func (w *walker) each(n *Node, at place) {
	if len(n.Kids) == 0 {
		return // over a number
	}
	w.all(n.Kids, at)
	from := n.Kids[len(n.Kids)-1]
	w.n++
	if from.Kind == Call {
		// async for x in proxy.stream(): the call itself is what is awaited.
		w.site(from, at, "async for")
		return
	}
	w.b.sites = append(w.b.sites, &site{order: w.n, node: from, receiver: chain(from), method: "__anext__", how: "async for",
		scopes: at.scopes, shielded: at.shielded, lock: at.lock, handles: at.handles, loops: at.loops})
}

// site notes a call.
func (w *walker) site(n *Node, at place, how string) *site {
	s := &site{order: w.n, node: n, how: how, scopes: at.scopes, shielded: at.shielded, lock: at.lock, handles: at.handles, within: at.within, loops: at.loops}
	callee := first(n)
	if n.Kind != Call {
		callee = n // a function that is handed over
	} else {
		s.args = n.Kids[1:]
	}
	switch {
	case callee == nil:
	case callee.Kind == Attr:
		s.receiver, s.method = chain(first(callee)), callee.Text
	default:
		s.method = chain(callee)
	}
	w.b.sites = append(w.b.sites, s)
	return s
}

func (w *walker) call(n *Node, at place, how string) {
	callee := n.Kids[0]
	written := chain(callee)
	w.all([]*Node{callee}, at)
	name := last(written)
	kind, _ := w.f.scopeKind(written)
	here := w.site(n, at, how)
	inner := at
	inner.within = here
	switch {
	case kind == "wait_for" && len(n.Kids) > 1:
		s := &scope{node: n, kind: kind, written: written, fn: w.f}
		inner = w.enter(s, inner)
		for i, a := range n.Kids[1:] {
			if a.Kind == Kw && a.Text == "fut" || i == 0 && a.Kind != Kw {
				w.handed(a, inner, "await")
			} else {
				w.node(a, at)
			}
		}
		return
	case name == "shield":
		inner.scopes, inner.shielded = nil, true
		for _, a := range n.Kids[1:] {
			w.handed(a, inner, "await")
		}
		return
	case spawns[name]:
		scopes, known := w.nursery(chain(first(callee)), at)
		if !known && how != "await" {
			inner.scopes = nil // a task of its own: it goes on
		} else if known {
			inner.scopes = scopes
		}
		for _, a := range n.Kids[1:] {
			w.handed(a, inner, "task")
		}
		return
	case waits[name] && how == "await":
		for _, a := range n.Kids[1:] {
			w.handed(a, inner, "task")
		}
		return
	}
	inner.how = ""
	w.all(n.Kids[1:], inner)
}

// handed is a call, or a function, that is given to somebody who runs it.
func (w *walker) handed(n *Node, at place, how string) {
	w.n++
	switch n.Kind {
	case Call:
		if last(chain(n.Kids[0])) == "partial" && len(n.Kids) > 1 {
			w.handed(n.Kids[1], at, how)
			w.all(n.Kids[2:], at)
			return
		}
		w.call(n, at, how)
	case Attr:
		w.all(n.Kids, at)
		w.site(n, at, how)
	case Name:
		if v := w.value(n.Text); v != nil {
			if v.Kind == Await {
				return
			}
			if v.Kind == Call && waits[last(chain(v.Kids[0]))] && len(v.Kids) > 1 {
				v = v.Kids[1]
			}
			if v.Kind == Call {
				w.site(v, at, how)
				return
			}
		}
		w.site(n, at, how)
	default:
		for _, k := range n.Kids {
			w.handed(k, at, how)
		}
	}
}

// nursery finds the scopes around the with that opened a nursery: only these
// end its tasks.
func (w *walker) nursery(receiver string, at place) ([]*scope, bool) {
	for i := len(w.b.binds) - 1; i >= 0; i-- {
		if b := w.b.binds[i]; b.with && b.target == receiver {
			return b.scopes, true
		}
	}
	return nil, false
}

// mentions reports whether a name, attribute, keyword or text within n passes.
func mentions(n *Node, is func(string) bool) bool { return mentioned(n, is) != "" }

// mentioned is the first that passes; "" when none does.
func mentioned(n *Node, is func(string) bool) string {
	if n == nil {
		return ""
	}
	switch n.Kind {
	case Name, Attr, Kw, Str:
		if is(n.Text) {
			return n.Text
		}
	case Case:
		for _, w := range strings.Fields(n.Text) {
			if is(w) {
				return w
			}
		}
	}
	for _, k := range n.Kids {
		if s := mentioned(k, is); s != "" {
			return s
		}
	}
	return ""
}
