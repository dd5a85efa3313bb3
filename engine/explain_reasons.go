package engine

import (
	"slices"
	"strconv"

	startime "go.starlark.net/lib/time"
	"go.starlark.net/starlark"
	"go.starlark.net/starlarkstruct"

	"runbook/engine/event"
)

// reasons is why a finding about a subject is said where the thread stands now.
// judged asks for what was made of the subject, too: of ten notes about a
// process that would be told ten times.
func (e *Explain) reasons(thread *starlark.Thread, about *event.Subject, judged bool) []event.Reason {
	if e == nil {
		return nil
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	var out []event.Reason
	if judged && about != nil {
		key := about.Key()
		for _, call := range e.made[key] {
			out = e.ofCall(out, call, key, 0)
		}
	}
	if t, _ := thread.Local(explainKey).(*openCalls); t != nil {
		for _, call := range t.calls {
			out = e.ofOpen(out, thread, call)
		}
	}
	if len(out) > mostReasons {
		out = append(out[:mostReasons:mostReasons], event.Reason{Text: "… and " + strconv.Itoa(len(out)-mostReasons) + " more"})
	}
	return out
}

// ofCall tells a call that is over: the conditions that led to its return, and
// what that came to.
func (e *Explain) ofCall(out []event.Reason, call *invocation, key string, depth int) []event.Reason {
	if within := e.sites[call.result.site].within; depth > deepestReason || (len(within) == 0 && !call.asks()) {
		return out // it merely puts together what it was given
	}
	for _, at := range e.sites[call.result.site].within {
		if d, ok := call.tests[at.test]; ok {
			out = e.ofDecision(out, d, at.holds, key, depth)
		}
	}
	return e.ofDecision(out, call.result, true, key, depth)
}

// ofOpen tells the conditions that hold in a call that goes on.
func (e *Explain) ofOpen(out []event.Reason, thread *starlark.Thread, call *invocation) []event.Reason {
	at := thread.CallStackDepth() - call.depth
	if at < 0 || at >= thread.CallStackDepth() {
		return out
	}
	pos := thread.CallFrame(at).Pos
	for id, d := range ordered(call.tests) {
		s := e.sites[id]
		if s.pos.Filename() != pos.Filename() {
			continue
		}
		if s.whenTrue.holds(pos.Line) {
			out = e.ofDecision(out, d, true, "", 0)
		} else if s.whenFalse.holds(pos.Line) {
			out = e.ofDecision(out, d, false, "", 0)
		}
	}
	return out
}

// ofDecision tells one condition, or one return, and the calls within it that
// answered for the same subject.
func (e *Explain) ofDecision(out []event.Reason, d decision, holds bool, key string, depth int) []event.Reason {
	s := e.sites[d.site]
	r := event.Reason{Depth: depth, Pos: position(s.pos), In: s.function}
	switch {
	case s.kind == siteReturn:
		r.Text = "return " + s.text
	case holds:
		r.Text = "if " + s.text
	default:
		r.Text = "not (" + s.text + ")"
	}
	for _, l := range d.leaves {
		if at := e.sites[l.site]; s.kind == siteTest || !at.whole || at.from != "" {
			seen := event.Seen{What: at.text, Value: l.value, Of: at.from}
			if !slices.Contains(r.Values, seen) { // it stands in the line twice
				r.Values = append(r.Values, seen)
			}
		}
	}
	if s.kind == siteReturn {
		r.Values = append(r.Values, event.Seen{Value: shortValue(d.value)})
	}
	out = append(out, r)
	if key == "" {
		return out
	}
	for _, l := range d.leaves {
		for _, call := range l.inner {
			if call.name == e.sites[l.site].calls && call.concerns(key) {
				out = e.ofCall(out, call, key, depth+1)
			}
		}
	}
	return out
}

// shortValue is a value on part of a line.
func shortValue(v starlark.Value) string {
	switch v := v.(type) {
	case starlark.NoneType, starlark.Bool, starlark.Int, starlark.Float:
		return v.String()
	case startime.Duration:
		return v.String()
	case starlark.String:
		return strconv.Quote(cutText(cleanText(string(v)), longestValue))
	case Subjecter:
		return cutText(cleanText(v.Subject().Label()), longestValue)
	case *starlarkstruct.Struct:
		return shortStruct(v)
	case starlark.Sequence:
		switch n := v.Len(); n {
		case 0:
			return "empty"
		default:
			return strconv.Itoa(n) + " × " + kindOf(v)
		}
	default:
		return v.Type()
	}
}

// shortStruct names the fields that are words and yes or no; the rest of a
// struct is what its texts are made of.
func shortStruct(v *starlarkstruct.Struct) string {
	out := ""
	for _, name := range v.AttrNames() {
		x, err := v.Attr(name)
		if s, ok := x.(starlark.String); err == nil && ok && len(s) > 0 && len(s) <= 24 {
			if out != "" {
				out += ", "
			}
			out += name + " = " + shortValue(x)
		}
	}
	return "struct(" + out + ")"
}

// kindOf is the type of what a collection holds: its first, and the others mostly are alike.
func kindOf(v starlark.Sequence) string {
	it := v.Iterate()
	defer it.Done()
	var x starlark.Value
	if !it.Next(&x) {
		return "item"
	}
	return x.Type()
}

func cutText(s string, most int) string {
	if r := []rune(s); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return s
}
