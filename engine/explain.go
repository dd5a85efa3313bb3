package engine

import (
	"sync"

	"go.starlark.net/starlark"
	"go.starlark.net/starlarkstruct"
	"go.starlark.net/syntax"
)

// Explain notes what the lines of recipes saw, so that a finding can say which
// of them led to it. The interpreter has no hook for that: as for Cover, calls
// are put into the syntax tree before it is compiled; see explain_sites.go.
//
// A finding is explained by two things: by the calls that made a value out of
// its subject, each with the conditions under which it returned what it did;
// and by the conditions under which the finding itself was said. A condition
// that was false is told only where its else was taken: all that does not hold
// of a process is not why.
//
// Limits: what a comprehension or a lambda compares is seen by its result only.
type Explain struct {
	mu    sync.Mutex
	sites []site
	made  map[string][]*invocation // by event.Subject.Key
	count int
}

const (
	mostInvocations = 20_000 // kept in a run; the later ones go unexplained
	mostReasons     = 24     // of a finding
	deepestReason   = 4
	longestText     = 110 // characters of a condition
	longestReturn   = 60  // of what a return returns: its arguments are no reason
	longestValue    = 48
)

// explainWord is no identifier, so that no recipe can name it.
const explainWord = "explain·"

const explainKey = "explain"

// invocation is one call of a function of a recipe.
type invocation struct {
	depth   int
	name    string
	about   []string         // keys of the subjects among its arguments
	tests   map[int]decision // last outcome, by site
	leaves  []leaf           // seen since the last decision
	inner   []*invocation    // ended since the last leaf
	result  decision
	deduces bool // the result is a value made for it, no mere yes, name or number
}

// decision is what a condition, or the value of a return, came to.
type decision struct {
	site   int
	value  starlark.Value
	leaves []leaf
}

// leaf is a part of a condition whose value cannot be read off the source.
type leaf struct {
	site  int
	value string
	inner []*invocation
}

// openCalls is the stack of calls of one thread.
type openCalls struct{ calls []*invocation }

func (e *Explain) word() *starlark.Builtin {
	return starlark.NewBuiltin(explainWord, func(thread *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
		id, _ := starlark.AsInt32(args[0])
		e.mu.Lock()
		defer e.mu.Unlock()
		return e.note(thread, id, args[1:]), nil
	})
}

// note takes what a site saw, and returns it.
func (e *Explain) note(thread *starlark.Thread, id int, args starlark.Tuple) starlark.Value {
	t, _ := thread.Local(explainKey).(*openCalls)
	if t == nil {
		t = &openCalls{}
		thread.SetLocal(explainKey, t)
	}
	depth := thread.CallStackDepth() - 1 // without this builtin
	s := e.sites[id]
	if s.kind == siteEnter {
		t.cut(depth - 1)
		t.calls = append(t.calls, &invocation{depth: depth, name: s.function, about: keysOf(args), tests: map[int]decision{}})
		return starlark.None
	}
	value := args[0]
	t.cut(depth)
	call := t.at(depth)
	if call == nil {
		return value
	}
	switch s.kind {
	case siteLeaf:
		call.leaves = append(call.leaves, leaf{site: id, value: shortValue(value), inner: call.inner})
		call.inner = nil
	case siteTest:
		call.tests[id] = decision{site: id, value: value, leaves: call.leaves}
		call.leaves, call.inner = nil, nil
	case siteReturn:
		call.result = decision{site: id, value: value, leaves: call.leaves}
		call.leaves, call.inner = nil, nil
		call.deduces = isDeduced(value)
		t.cut(depth - 1)
		e.ended(call, t.at(0))
	}
	return value
}

// ended keeps a call that is about something, at its caller and by its subjects.
func (e *Explain) ended(call, caller *invocation) {
	if len(call.about) == 0 || e.count >= mostInvocations {
		return
	}
	e.count++
	if caller != nil {
		caller.inner = append(caller.inner, call)
	}
	if !call.deduces {
		return
	}
	for _, key := range call.about {
		if caller == nil || !caller.concerns(key) {
			if e.made == nil {
				e.made = map[string][]*invocation{}
			}
			e.made[key] = append(e.made[key], call)
		}
	}
}

// cut leaves the calls of at most this depth: the others ended, by an error or
// without a value.
func (t *openCalls) cut(depth int) {
	for len(t.calls) > 0 && t.calls[len(t.calls)-1].depth > depth {
		t.calls = t.calls[:len(t.calls)-1]
	}
}

// at is the innermost call, if it is of that depth; 0 asks for any.
func (t *openCalls) at(depth int) *invocation {
	if len(t.calls) == 0 {
		return nil
	}
	last := t.calls[len(t.calls)-1]
	if depth != 0 && last.depth != depth {
		return nil
	}
	return last
}

// asks reports whether the returned value is the answer of other calls.
func (i *invocation) asks() bool {
	for _, l := range i.result.leaves {
		if len(l.inner) > 0 || !i.deduces {
			return true
		}
	}
	return false
}

func (i *invocation) concerns(key string) bool {
	for _, k := range i.about {
		if k == key {
			return true
		}
	}
	return false
}

// keysOf are the subjects among arguments: a process, or what was read of one.
func keysOf(args starlark.Tuple) []string {
	var out []string
	for _, arg := range args {
		s, ok := arg.(Subjecter)
		if x, isRecord := arg.(Fielder); !ok && isRecord {
			if attrs, has := x.(starlark.HasAttrs); has {
				if p, err := attrs.Attr("process"); err == nil {
					s, ok = p.(Subjecter)
				}
			}
		}
		if ok {
			out = append(out, s.Subject().Key())
		}
	}
	return out
}

// isDeduced reports whether a value was made to say something of a subject.
func isDeduced(v starlark.Value) bool {
	_, ok := v.(*starlarkstruct.Struct)
	return ok
}

// lines are those of a block, first and last; 0, 0 is none.
type lines struct{ first, last int32 }

func (l lines) holds(line int32) bool { return l.first <= line && line <= l.last && l.first > 0 }

func spanOf(stmts []syntax.Stmt) lines {
	if len(stmts) == 0 {
		return lines{}
	}
	first, _ := stmts[0].Span()
	_, last := stmts[len(stmts)-1].Span()
	return lines{first.Line, last.Line}
}
