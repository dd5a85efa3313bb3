package pystack

import (
	"cmp"
	"slices"
	"strings"
)

// task is a trio or asyncio task on the way to being a Task.
type task struct {
	Task
	obj      uint64
	chain    []link
	waits    []wait
	children [][]*task // by nursery; asyncio: one list
	from, to int       // what was watched on the way
}

// cut reports whether the chain goes on where it was not read: then nothing is
// known of what the task waits for.
func (t *task) cut() bool { return len(t.chain) > 0 && t.chain[len(t.chain)-1].kind == further }

// wait is a Wait whose owner is still an object.
type wait struct {
	Wait
	owner      uint64
	candidates []*task
	about      uint64 // the event, or what both ends of a channel share; 0 anything else
	otherEnd   string // type of the end that could act; "" of an event
	otherEnds  int64  // that are open
}

func newWait(kind string) wait { return wait{Wait: Wait{Kind: kind, FD: -1, Owner: -1}} }

// maxTasks bounds what is read of one process.
const maxTasks = 1 << 17

// flatten lists the trees of tasks, each task before its children, and turns
// objects into indices.
func flatten(roots []*task) []*task {
	var out []*task
	var add func(t *task, parent, nursery int)
	add = func(t *task, parent, nursery int) {
		t.ID, t.Parent, t.Nursery = len(out), parent, nursery
		out = append(out, t)
		for i, nursery := range t.children {
			at := i
			if t.Library == "asyncio" {
				at = -1
			}
			for _, child := range nursery {
				add(child, t.ID, at)
			}
		}
	}
	for _, t := range roots {
		add(t, -1, -1)
	}
	index := map[uint64]int{}
	for i, t := range out {
		index[t.obj] = i
	}
	for _, t := range out {
		for _, w := range t.waits {
			if i, ok := index[w.owner]; ok && w.owner != 0 {
				w.Owner = i
			}
			for _, c := range w.candidates {
				w.Candidates = append(w.Candidates, c.ID)
			}
			t.Waits = append(t.Waits, w.Wait)
		}
	}
	return out
}

// byName orders tasks so that two looks at the same process tell the same, and
// Task-2 comes before Task-10.
func byName(list []*task) {
	slices.SortFunc(list, func(a, b *task) int {
		nameA, numberA := numbered(a.Name)
		nameB, numberB := numbered(b.Name)
		return cmp.Or(cmp.Compare(nameA, nameB), cmp.Compare(len(numberA), len(numberB)), cmp.Compare(numberA, numberB), cmp.Compare(a.obj, b.obj))
	})
}

// numbered cuts the number off with which a name ends; "" where it has none.
func numbered(name string) (text, number string) {
	text = strings.TrimRight(name, "0123456789")
	return text, name[len(text):]
}
