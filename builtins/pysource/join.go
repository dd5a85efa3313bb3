package pysource

import (
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// Names say what is what, by the last name of an expression: of self._proxies[0]
// that is _proxies.
type Names struct {
	Proxies  *regexp.Regexp // whose calls are requests; also names of classes
	Channels *regexp.Regexp // what a message is sent into and taken from
	IDs      *regexp.Regexp // what tells one request from another
	Locks    *regexp.Regexp
}

// Scope is a block that may be cancelled while something in it waits.
type Scope struct {
	At       Place
	Kind     string      // "move_on_after": its name, whatever it is called here
	Function string      // in which it stands
	Calls    []ScopeCall // that go to a proxy, or to a function with a round trip
}

// ScopeCall is a call that a scope may cancel.
type ScopeCall struct {
	At        Place
	Function  string // in which it stands
	Receiver  string // "self.proxy"; "" = a plain function
	Method    string
	How       string // "await", "async with", "async for", "task": handed to a nursery
	Named     bool   // the receiver is called like a proxy
	Type      string // of the receiver: "piker.brokers.ib.api.MethodProxy"; "" = unknown
	Known     bool   // the function that is called is among the sources
	Via       []Place
	RoundTrip *RoundTrip // at the end of Via; nil = none was found
	Shielded  bool       // the call is shielded, and goes on when its caller is cancelled
	Inside    bool       // what it is called on was made within the scope, and ends with it
	Closes    *Place     // where the caller closes it, or makes it anew, after a cancellation
	Lock      *Place     // around the call
	Imports   []string   // top-level modules that the file imports
}

// Join finds the scopes in sources, and the calls in them. Scopes are in the
// order of the sources.
func Join(sources []Source, names Names) []Scope {
	x := newIndex(sources, names)
	var out []Scope
	for _, m := range x.modules {
		var here []Scope
		for _, f := range m.all {
			here = append(here, x.scopesOf(f)...)
		}
		slices.SortStableFunc(here, func(a, b Scope) int {
			if a.At.Line != b.At.Line {
				return a.At.Line - b.At.Line
			}
			return a.At.Column - b.At.Column
		})
		out = append(out, here...)
	}
	return out
}

func (x *index) scopesOf(f *function) []Scope {
	b := bodyOf(f, x.names)
	out := make([]Scope, len(b.scopes))
	at := map[*scope]int{}
	for i, s := range b.scopes {
		at[s] = i
		out[i] = Scope{At: Place{f.module.path, s.node.Line, s.node.Col, s.written}, Kind: s.kind, Function: f.called()}
	}
	for _, s := range b.sites {
		if len(s.scopes) == 0 || s.how == "" {
			continue
		}
		c, ok := x.callOf(f, b, s)
		if !ok {
			continue
		}
		// The innermost scope is the one whose end is noticed here; the outer
		// ones are no other fault.
		inner := s.scopes[len(s.scopes)-1]
		if closes := x.closes(f, s.receiver, inner); closes != nil {
			c.Closes = closes
		}
		c.Inside = x.inside(b, s, inner)
		if i, here := at[inner]; here {
			out[i].Calls = append(out[i].Calls, c)
		}
	}
	return out
}

// callOf describes a call in a scope, when it is of interest.
func (x *index) callOf(f *function, b *body, s *site) (ScopeCall, bool) {
	c := ScopeCall{At: x.place(f, s), Function: f.called(), Receiver: s.receiver, Method: s.method, How: s.how, Shielded: s.shielded, Lock: x.lock(f, s), Imports: f.module.roots()}
	// A receive of the caller's own that belongs to a send.
	if s.node.Kind != Call || receives[s.method] {
		for _, e := range x.roundTripsOf(f) {
			if e.Receive != nil && e.Receive.Line == s.node.Line && e.Receive.Column == s.node.Col {
				c.RoundTrip, c.Known = e, true
				return c, true
			}
		}
	}
	if s.receiver == "" && s.method == "" {
		return c, false
	}
	t := x.typeOf(f, s.receiver, 0)
	c.Type = t.name
	c.Named = x.named(f, s.receiver, t)
	c.RoundTrip, c.Via, c.Known = x.reached(f, s, c.Named, 0, map[*function]bool{})
	if c.RoundTrip != nil {
		return c, true
	}
	if !c.Named && x.helps(f, s, &c) {
		return c, true
	}
	if !c.Named || isPart(s.method) || (sends[s.method] || receives[s.method]) && x.channel(s.receiver) {
		return c, false
	}
	return c, true
}

// helps reports whether a call goes to a helper that awaits one on a proxy of
// which nobody knows more: the receiver is called like one, or its class is, and
// neither is among the sources. The call is then that of the helper.
func (x *index) helps(f *function, s *site, c *ScopeCall) bool {
	for _, g := range x.targets(f, s, false) {
		x.given[g] = x.arguments(f, s, g)
		b := bodyOf(g, x.names)
		for _, inner := range b.sites {
			if inner.how == "" || inner.shielded || inner.receiver == "" || len(inner.scopes) > 0 {
				continue // one of its own scopes is noticed there
			}
			t := x.typeOf(g, inner.receiver, 0)
			if !x.named(g, inner.receiver, t) || isPart(inner.method) || (sends[inner.method] || receives[inner.method]) && x.channel(inner.receiver) {
				continue
			}
			if len(x.targets(g, inner, true)) > 0 {
				continue
			}
			c.Receiver, c.Method, c.Type, c.Named, c.Known = inner.receiver, inner.method, t.name, true, false
			c.Via, c.Imports = []Place{g.place(), x.place(g, inner)}, g.module.roots()
			c.Closes = x.closes(g, inner.receiver, nil)
			return true
		}
	}
	return false
}

// named reports whether what a call goes to is called like a proxy, or its class is.
func (x *index) named(f *function, receiver string, t typed) bool {
	is := x.names.Proxies.MatchString
	return receiver != "" && (is(last(receiver)) || is(last(x.canonical(f, receiver))) || isClassName(last(t.name)) && is(last(t.name)))
}

// isPart reports whether a method sends or receives whatever it is called on: a
// part of a round trip, or of a stream.
func isPart(method string) bool {
	return (sends[method] || receives[method]) && (strings.HasPrefix(method, "send") || strings.HasPrefix(method, "rec") || method == "get_message" || method == "__anext__")
}

func isClassName(s string) bool { return s != "" && s[0] >= 'A' && s[0] <= 'Z' }

// mostHops is how many helpers lie between a call and its round trip, at most:
// further away the round trip is somebody else's business.
const mostHops = 1

// reached follows a call to a round trip: the functions on the way, the one with
// the round trip last. known is whether the function that is called was found.
func (x *index) reached(f *function, s *site, named bool, depth int, seen map[*function]bool) (e *RoundTrip, via []Place, known bool) {
	for _, g := range x.targets(f, s, named) {
		known = true
		if seen[g] {
			continue
		}
		seen[g] = true
		if e := worst(x.roundTripsOf(g)); e != nil {
			return e, []Place{g.place()}, true
		}
		if depth == mostHops {
			continue
		}
		x.given[g] = x.arguments(f, s, g)
		for _, inner := range bodyOf(g, x.names).sites {
			if inner.how == "" || inner.shielded {
				continue
			}
			if e, more, _ := x.reached(g, inner, false, depth+1, seen); e != nil {
				return e, append([]Place{g.place()}, more...), true
			}
		}
	}
	return nil, nil, known
}

// arguments are the types of what a call hands to a function, by parameter.
func (x *index) arguments(f *function, s *site, g *function) map[string]typed {
	params := g.order
	if g.class != nil && s.receiver != "" && len(params) > 0 {
		params = params[1:] // self
	}
	out := map[string]typed{}
	for i, a := range s.args {
		name := ""
		switch {
		case a.Kind == Kw:
			name, a = a.Text, first(a)
		case i < len(params):
			name = params[i]
		}
		if t := x.made(f, a, 0); name != "" && t.class != nil {
			out[name] = t
		}
	}
	return out
}

// targets are the functions that a call may mean; several only where a class
// passes its calls on.
func (x *index) targets(f *function, s *site, named bool) []*function {
	if s.receiver == "" {
		if g := x.function(f, s.method); g != nil {
			return []*function{g}
		}
		if t := x.typeOf(f, s.method, 0); t.class != nil {
			if g, _ := x.method(t.class, "__call__", 0); g != nil {
				return []*function{g}
			}
		}
		return nil
	}
	if g := x.function(f, s.receiver+"."+s.method); g != nil {
		return []*function{g}
	}
	t := x.typeOf(f, s.receiver, 0)
	if t.class == nil && t.name == "" {
		t.class = x.alike(f, s, named)
	}
	if t.class == nil {
		return nil
	}
	g, open := x.method(t.class, s.method, 0)
	if g != nil {
		return []*function{g}
	}
	_, isField := t.class.fields[s.method]
	if isField || strings.HasPrefix(s.method, "__") || open && t.class.methods["__getattr__"] == nil {
		return nil
	}
	// The class has no such method: it passes calls on, by __getattr__, or by
	// attributes that were set from outside.
	var out []*function
	for _, name := range sorted(t.class.methods) {
		if m := t.class.methods[name]; m.async && len(x.roundTripsOf(m)) > 0 {
			out = append(out, m)
		}
	}
	return out
}

// alike guesses the class of a value of unknown type, where only one can be
// meant: it is called like the value, or it alone has the method and is.
func (x *index) alike(f *function, s *site, named bool) *class {
	name := strings.ToLower(strings.Trim(last(s.receiver), "_"))
	if len(name) < 4 || f.selfClass(root(s.receiver)) != nil && !strings.Contains(s.receiver, ".") {
		return nil
	}
	var fits []*class
	for _, m := range x.methods[s.method] {
		if strings.HasSuffix(strings.ToLower(m.class.name), name) && m.async {
			fits = append(fits, m.class)
		}
	}
	if len(fits) == 0 && named {
		for _, all := range x.classes {
			for _, c := range all {
				if strings.HasSuffix(strings.ToLower(c.name), name) {
					fits = append(fits, c)
				}
			}
		}
	}
	if len(fits) == 1 {
		return fits[0]
	}
	return nil
}

func sorted[T any](m map[string]T) []string {
	var names []string
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// inside reports whether what a call goes to was made within the scope.
func (x *index) inside(b *body, s *site, of *scope) bool {
	c := s.receiver
	made := false
	for _, bind := range b.binds {
		if bind.order > s.order || bind.value == nil || bind.target != root(c) && bind.target != c {
			continue
		}
		made = slices.Contains(bind.scopes, of) && x.makes(bind)
	}
	return made
}

// makes reports whether a binding is the birth of its value: a constructor, an
// open or a connect. What a pool lends is older, and lives on.
func (x *index) makes(b bind) bool {
	n := b.value
	for n != nil && n.Kind == Await {
		n = first(n)
	}
	if n == nil || n.Kind != Call {
		return false
	}
	name := last(chain(n.Kids[0]))
	switch {
	case name == "" || borrows[name] || strings.Contains(name, "maybe_") || strings.Contains(name, "cached") || strings.Contains(name, "shared"):
		return false
	case b.with || isClassName(name):
		return true
	}
	return slices.ContainsFunc(makes, func(m string) bool { return strings.HasPrefix(strings.TrimLeft(name, "_"), m) })
}

// roots are the top-level modules that a file imports, sorted.
func (m *module) roots() []string {
	seen := map[string]bool{}
	for _, whole := range m.imports {
		if r := root(whole); r != "" {
			seen[r] = true
		}
	}
	return sorted(seen)
}

// Column turns a count of bytes in a line into one of characters, from 1.
func Column(line string, bytes int) int {
	if bytes < 0 || bytes > len(line) {
		return 1
	}
	return utf8.RuneCountInString(line[:bytes]) + 1
}
