package pystack

import (
	"slices"
	"strings"
)

// counterparts finds who could end the waits of trio's tasks for an event or at a
// memory channel: tasks that have the event, or the channel's other end, in a
// variable, or in an attribute of what they have there.
//
// Having it is no duty to use it, and others may have it where we do not look, so
// these are candidates. Only of a channel with one other end, which one task alone
// has, is that task the owner of the wait. Who waits is neither: while it does,
// having both ends is of no use to it.
func (p *python) counterparts(tasks []*task) {
	wanted := map[uint64]bool{}
	for _, t := range tasks {
		for _, w := range t.waits {
			if w.about != 0 {
				wanted[w.about] = true
			}
		}
	}
	if len(wanted) == 0 {
		return
	}
	having := map[side][]*task{}
	ends := map[side]uint64{}
	inside := map[uint64][]holding{} // of an instance, which many tasks may share
	for _, t := range tasks {
		for _, h := range p.holdings(t, wanted, inside) {
			at := h.side
			ends[at] = h.obj
			if had := having[at]; !(len(had) > 0 && had[len(had)-1] == t) && !t.waitsFor(at) {
				having[at] = append(had, t)
			}
		}
	}
	for _, t := range tasks {
		for i := range t.waits {
			w := &t.waits[i]
			if w.about == 0 {
				continue
			}
			at := side{w.about, w.otherEnd}
			had := having[at]
			if len(had) == 1 && w.otherEnds == 1 && p.aloneHas(had[0], ends[at]) {
				if had[0] == t {
					w.say("only the task itself has the other end")
				} else {
					w.owner = had[0].obj
				}
				continue
			}
			w.candidates = slices.DeleteFunc(slices.Clone(had), func(o *task) bool { return o == t })
			byName(w.candidates)
		}
	}
}

// side is what a task waits for: an event, or one side of a channel.
type side struct {
	about uint64 // the event, or what both ends of the channel share
	end   string // name of the type of the channel's end; "" an event
}

// holding is an object that a task has at hand: an event, or an end of a channel.
type holding struct {
	side
	obj uint64
}

func (t *task) waitsFor(s side) bool {
	return slices.ContainsFunc(t.waits, func(w wait) bool { return w.about == s.about && (s.end == "" || w.otherEnd != s.end) })
}

// say adds to what is known of a wait.
func (w *wait) say(what string) {
	if what != "" && w.Detail != "" {
		w.Detail += "; "
	}
	w.Detail += what
}

// holdings lists what of the wanted things the frames of a task have at hand;
// those of trio itself hold them on behalf of who waits.
func (p *python) holdings(t *task, wanted map[uint64]bool, inside map[uint64][]holding) (out []holding) {
	for _, l := range t.chain {
		c := l.frame.code
		if c == nil || strings.Contains(c.file, "/trio/") {
			continue
		}
		for i := range c.variables {
			_ = try(func() {
				v := p.variable(l.frame, i)
				if h, ok := p.holding(v, wanted); ok {
					out = append(out, h)
					return
				}
				if v == 0 || p.typeOf(v).flags&heapType == 0 {
					return
				}
				held, known := inside[v]
				if !known {
					held = p.within(v, wanted)
					inside[v] = held
				}
				out = append(out, held...)
			})
		}
	}
	return out
}

// within lists what of the wanted things an instance has in its attributes.
func (p *python) within(obj uint64, wanted map[uint64]bool) (out []holding) {
	const most = 64 // attributes: more are data
	_ = try(func() {
		list := p.attributes(obj)
		for _, v := range list[:min(most, len(list))] {
			_ = try(func() {
				if h, ok := p.holding(v, wanted); ok {
					out = append(out, h)
				}
			})
		}
	})
	return out
}

// holding reports whether an object is a wanted event, or an open end of a wanted
// channel.
func (p *python) holding(v uint64, wanted map[uint64]bool) (holding, bool) {
	if v == 0 {
		return holding{}, false
	}
	if wanted[v] {
		return holding{side{about: v}, v}, true
	}
	switch end := p.typeOf(v).name; end {
	case "MemorySendChannel", "MemoryReceiveChannel":
		state := p.attr(v, "_state")
		return holding{side{state, end}, v}, wanted[state] && !p.isTrue(p.attr(v, "_closed"))
	}
	return holding{}, false
}
