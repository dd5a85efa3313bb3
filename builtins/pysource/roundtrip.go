package pysource

import (
	"slices"
	"strings"
)

// Place is where something stands, and how it is written there. Column counts
// characters from 1.
type Place struct {
	Path         string
	Line, Column int
	Text         string
}

// RoundTrip is a request and its answer in one function.
type RoundTrip struct {
	Function string // "MethodProxy._run_method"
	At       Place  // of the function
	Send     Place
	// Receive is where the answer is taken; nil = the function waits for
	// something else, which the id leads to.
	Receive  *Place
	ID       string   // name of what tells one request from another; "" = the request has none
	Checked  bool     // and it is looked at where the answer is taken
	Lock     *Place   // around the two
	Closes   *Place   // where the channel is closed, or made anew, when it is cancelled between the two
	Shielded bool     // it cannot be cancelled between the two
	Says     []string // texts in the request, at most 16: "subscribe"
	Stream   bool     // what is taken are messages as they come, and none of them ends it
}

// roundTripsOf finds requests and answers: a send, then a receive that is awaited,
// on the same channel or on two of a kind.
func (x *index) roundTripsOf(f *function) []*RoundTrip {
	if out, done := x.trips[f]; done {
		return out
	}
	x.trips[f] = nil // should it lead back here
	out := x.findRoundTrips(f)
	x.trips[f] = out
	return out
}

func (x *index) findRoundTrips(f *function) []*RoundTrip {
	b := bodyOf(f, x.names)
	var out []*RoundTrip
	for i, s := range b.sites {
		if !x.sends(s) {
			continue
		}
		e := &RoundTrip{Function: f.called(), At: f.place(), Send: x.place(f, s), Lock: x.lock(f, s)}
		e.ID = x.idOf(b, s)
		e.Says = says(b, s)
		var answer *site
		for _, r := range b.sites[i+1:] {
			if x.receives(r) && x.related(f, s, r) {
				answer = r
				break
			}
		}
		if answer != nil {
			p := x.place(f, answer)
			e.Receive = &p
			e.Shielded = s.shielded && answer.shielded
			e.Stream = streams(s, answer)
			e.Checked = e.ID != "" && x.checks(b, s)
			e.Closes = x.closes(f, s.receiver, nil)
			if answer.lock == nil {
				e.Lock = nil
			}
		} else if e.ID == "" || !x.checks(b, s) && !awaitsAfter(b, s) {
			continue
		} else {
			e.Checked = true
		}
		out = append(out, e)
	}
	return out
}

// worst is the round trip of a function that is most in doubt; nil when it has none.
func worst(all []*RoundTrip) *RoundTrip {
	var w *RoundTrip
	for _, e := range all {
		if w == nil || e.doubt() > w.doubt() {
			w = e
		}
	}
	return w
}

func (e *RoundTrip) doubt() int {
	switch {
	case e.Receive == nil:
		return 0
	case e.Shielded, e.Stream:
		return 1
	case e.ID != "" && e.Checked:
		return 2
	case e.Closes != nil:
		return 3
	}
	return 4
}

// says collects the texts of a request: in what is sent, or in what was put into
// a variable that is.
func says(b *body, s *site) []string {
	var out []string
	note := func(n *Node) {
		var walk func(n *Node)
		walk = func(n *Node) {
			if n.Kind == Str && len(out) < 16 && !slices.Contains(out, n.Text) {
				out = append(out, n.Text)
			}
			for _, k := range n.Kids {
				walk(k)
			}
		}
		walk(n)
	}
	for _, a := range s.args {
		note(a)
		mentions(a, func(name string) bool {
			for _, bind := range b.binds {
				if bind.order < s.order && bind.value != nil && root(bind.target) == name {
					note(bind.value)
				}
			}
			return false
		})
	}
	return out
}

// streams reports whether a receive takes message after message of what a send
// began: it stands in a loop behind that, which no message ends.
func streams(s, r *site) bool {
	for _, l := range r.loops {
		if !slices.Contains(s.loops, l) && endless(l) {
			return true
		}
	}
	return false
}

// endless reports whether a loop goes on for as long as messages come: it is not
// left from within, and does not end by a value that it sets.
func endless(l *Node) bool {
	if l.Text == "for" || leaves(l.Kids, true) {
		return false
	}
	if l.Text == "async for" {
		return true
	}
	return !mentions(first(l), func(name string) bool { return name != "self" && sets(l.Kids, name) })
}

// leaves reports whether statements return, or break the loop that they are of.
func leaves(nodes []*Node, mine bool) bool {
	for _, n := range nodes {
		switch n.Kind {
		case Def, ADef, Class, Lambda:
			continue
		case Leave:
			if n.Text == "return" || mine {
				return true
			}
		}
		if leaves(n.Kids, mine && n.Kind != Loop) {
			return true
		}
	}
	return false
}

// sets reports whether statements give a value to what is called so.
func sets(nodes []*Node, name string) bool {
	for _, n := range nodes {
		if n.Kind == Assign || n.Kind == Ann {
			for _, target := range n.Kids[:max(0, len(n.Kids)-1)] {
				if mentions(target, func(s string) bool { return s == name }) {
					return true
				}
			}
		}
		if sets(n.Kids, name) {
			return true
		}
	}
	return false
}

func (x *index) channel(receiver string) bool {
	return receiver != "" && x.names.Channels.MatchString(last(receiver))
}

func (x *index) sends(s *site) bool {
	return sends[s.method] && s.receiver != "" && (x.channel(s.receiver) || !strings.HasPrefix(s.method, "put") && !strings.HasPrefix(s.method, "write") && s.how != "")
}

func (x *index) receives(s *site) bool {
	if s.how == "" && (s.within == nil || s.within.how == "") {
		return false
	}
	return receives[s.method] && (x.channel(s.receiver) || strings.HasPrefix(s.method, "rec") || s.how == "async for")
}

// related reports whether what is received may be the answer to what was sent:
// the same channel, or two of the same owner.
func (x *index) related(f *function, s, r *site) bool {
	a, b := x.canonical(f, s.receiver), x.canonical(f, r.receiver)
	if a == b {
		return r.method != "__anext__" || x.channel(s.receiver)
	}
	if !x.channel(s.receiver) || !x.channel(r.receiver) || r.method == "__anext__" {
		return false
	}
	return owner(a) == owner(b)
}

func owner(c string) string {
	if i := strings.LastIndexByte(c, '.'); i >= 0 {
		return c[:i]
	}
	return ""
}

// canonical resolves a variable that is only another name for a chain:
// chan = self.chan.
func (x *index) canonical(f *function, c string) string {
	for range 4 {
		r := root(c)
		if r == "" || f.selfClass(r) != nil {
			return c
		}
		var value *Node
		for _, b := range bodyOf(f, x.names).binds {
			if b.target == r && !b.with {
				value = b.value
			}
		}
		to := ""
		if value != nil && (value.Kind == Name || value.Kind == Attr) {
			to = chain(value)
		}
		if to == "" || to == r {
			return c
		}
		c = to + c[len(r):]
	}
	return c
}

// idOf is the name of an id that goes with a request: in what is sent, or in
// what was put into a variable that is.
func (x *index) idOf(b *body, s *site) string {
	isID := x.names.IDs.MatchString
	for _, a := range s.args {
		if id := mentioned(a, isID); id != "" {
			return id
		}
	}
	for _, a := range s.args {
		found := ""
		mentions(a, func(name string) bool {
			for _, bind := range b.binds {
				if bind.order > s.order || root(bind.target) != name {
					continue
				}
				if isID(last(bind.target)) {
					found = last(bind.target)
				} else if id := mentioned(bind.value, isID); id != "" {
					found = id
				} else if bind.value != nil && strings.HasSuffix(bind.target, "[]") {
					found = x.keyed(b, bind)
				}
			}
			return found != ""
		})
		if found != "" {
			return found
		}
	}
	return ""
}

// keyed is the id by which a part of a variable was set: msg["mid"] = ….
func (x *index) keyed(b *body, of bind) string {
	for _, m := range b.marks {
		if m.node.Kind == Index && chain(m.node) == of.target {
			for _, k := range m.node.Kids[1:] {
				if id := mentioned(k, x.names.IDs.MatchString); id != "" {
					return id
				}
			}
		}
	}
	return ""
}

// checks reports whether an id is looked at: compared, used as a key, given to
// somebody who is awaited; outside of the request itself.
func (x *index) checks(b *body, s *site) bool {
	isID := x.names.IDs.MatchString
	for _, m := range b.marks {
		if isWithin(m.node, s.node) {
			continue
		}
		switch m.node.Kind {
		case Cmp:
			if m.order > s.order && mentions(m.node, isID) {
				return true
			}
		case Case:
			if mentions(m.node, isID) {
				return true
			}
		case Index:
			// replies[mid], not msg["mid"].
			for _, k := range m.node.Kids[1:] {
				if k.Kind != Str && mentions(k, isID) {
					return true
				}
			}
		}
	}
	for _, c := range b.sites {
		if c == s || isWithin(c.node, s.node) || isWithin(s.node, c.node) {
			continue
		}
		keyed := c.method == "pop" || c.method == "get" || c.method == "setdefault" || c.method == "receive" || c.how != ""
		for _, a := range c.args {
			if keyed && a.Kind != Str && mentions(a, isID) {
				return true
			}
		}
	}
	return false
}

func isWithin(n, in *Node) bool {
	if n == in {
		return true
	}
	for _, k := range in.Kids {
		if isWithin(n, k) {
			return true
		}
	}
	return false
}

// awaitsAfter reports whether a function waits for anything after a request.
func awaitsAfter(b *body, s *site) bool {
	for _, c := range b.sites {
		if c.order > s.order && c.how == "await" && c.method != "" && !sends[c.method] {
			return true
		}
	}
	return false
}

// closes finds where a function closes a channel, or makes it anew, when a
// cancellation or a timeout came.
func (x *index) closes(f *function, receiver string, s *scope) *Place {
	b := bodyOf(f, x.names)
	want := x.canonical(f, receiver)
	for _, c := range b.sites {
		if !c.handles || !closings[c.method] {
			continue
		}
		got := x.canonical(f, c.receiver)
		if s != nil && got == s.named {
			continue // cs.cancel()
		}
		given := func(a *Node) bool { return x.canonical(f, chain(a)) == want }
		if got == want || slices.ContainsFunc(c.args, given) || strings.HasPrefix(want, got+".") && got != "self" || got == "self" && strings.HasPrefix(want, "self.") {
			p := x.place(f, c)
			return &p
		}
	}
	return nil
}

func (x *index) lock(f *function, s *site) *Place {
	if s.lock == nil {
		return nil
	}
	return &Place{Path: f.module.path, Line: s.lock.Line, Column: s.lock.Col, Text: chain(s.lock)}
}

// place is a site as a person would look for it.
func (x *index) place(f *function, s *site) Place {
	written := s.method
	if s.receiver != "" {
		written = s.receiver + "." + s.method
	}
	if s.method == "__anext__" {
		written = "async for … in " + s.receiver
	}
	return Place{Path: f.module.path, Line: s.node.Line, Column: s.node.Col, Text: written}
}

func (f *function) place() Place {
	return Place{Path: f.module.path, Line: max(f.node.Line, 1), Column: f.node.Col, Text: f.called()}
}

// called is the function's name; that of the file for what stands outside of any.
func (f *function) called() string {
	if f.name == "" {
		return "<module>"
	}
	return f.name
}
