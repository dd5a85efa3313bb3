package pystack

import (
	"fmt"
	"slices"
	"strings"
)

// counterparts finds who could end the waits of trio's tasks for an event or at a
// memory channel: tasks that have the event, or the channel's other end, in a
// variable, or in an attribute of what they have there.
//
// Having it is no duty to use it, so this is said and not made the owner of the
// wait. But for a channel with one other end, which one task has: nobody else can
// act on it but who got it from there.
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
	having := map[holding][]*task{}
	inside := map[uint64][]holding{} // of an instance, which many tasks may share
	for _, t := range tasks {
		for _, h := range p.holdings(t, wanted, inside) {
			if had := having[h]; !(len(had) > 0 && had[len(had)-1] == t) && !t.waitsFor(h) {
				having[h] = append(had, t)
			}
		}
	}
	for _, t := range tasks {
		for i := range t.waits {
			w := &t.waits[i]
			if w.about == 0 {
				continue
			}
			had := butFor(t, having[holding{w.about, w.otherEnd}])
			if len(had) == 1 && w.otherEnds == 1 {
				w.owner = had[0].obj
			}
			w.say(hadBy(had))
		}
	}
}

// butFor leaves out the task that waits: as long as it does, it is of no use to
// itself that it has both ends. Where nobody else has it, that is the news.
func butFor(t *task, had []*task) []*task {
	if others := slices.DeleteFunc(slices.Clone(had), func(o *task) bool { return o == t }); len(others) > 0 {
		return others
	}
	return had
}

// holding is an object that a task has at hand: an event, or an end of a channel.
type holding struct {
	obj uint64
	end string // name of the type of the channel's end; "" an event
}

func (t *task) waitsFor(h holding) bool {
	return slices.ContainsFunc(t.waits, func(w wait) bool { return w.about == h.obj && (h.end == "" || w.otherEnd != h.end) })
}

// hadBy names at most three tasks.
func hadBy(tasks []*task) string {
	const most = 3
	var names []string
	for _, t := range tasks[:min(most, len(tasks))] {
		names = append(names, t.Name)
	}
	switch n := len(tasks); {
	case n == 0:
		return ""
	case n == 1:
		return "task " + names[0] + " has it"
	case n > most:
		return fmt.Sprintf("tasks %s and %d more have it", strings.Join(names, ", "), n-most)
	}
	return "tasks " + strings.Join(names, ", ") + " have it"
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
		return holding{obj: v}, true
	}
	switch end := p.typeOf(v).name; end {
	case "MemorySendChannel", "MemoryReceiveChannel":
		state := p.attr(v, "_state")
		return holding{state, end}, wanted[state] && !p.isTrue(p.attr(v, "_closed"))
	}
	return holding{}, false
}
