package builtins

import (
	"fmt"
	"slices"
	"strings"

	"go.starlark.net/starlark"

	"runbook/builtins/probe"
)

// taskEdges are the waits within processes whose Python was read: of a process
// for each of its tasks, and of each task for the task, process or thing that
// can end its wait. They hold what one reading says; one is unchanged where the
// main thread of the process did not run from the first look on.
func (s *sample) taskEdges(stacks *starlark.Dict) ([]starlark.Value, error) {
	var edges []starlark.Value
	for _, item := range stacks.Items() {
		p, isProcess := item[0].(*process)
		x, isPython := item[1].(*python)
		if !isProcess || !isPython {
			return nil, fmt.Errorf("for parameter \"stacks\": want a dict of process to python, as of pystacks")
		}
		of := s.it.byID[p.it.ID]
		if of == nil {
			continue
		}
		children := childrenAwaited(x.it.tasks)
		for _, t := range x.it.tasks {
			for _, f := range s.edgesOf(t, of.it, children[t]) {
				f.Unchanged = of.it.Still() && x.it.Proof.Proved
				edges = append(edges, newRecord(edgeKind, f, "memory", x.at))
			}
		}
	}
	return edges, nil
}

// childrenAwaited are the children for which each task waits that is at the end of a
// nursery: those of its innermost, since trio lets a task leave no other.
func childrenAwaited(tasks []*task) map[*task][]*task {
	of := map[*task][]*task{}
	for _, t := range tasks {
		p := t.it.parent
		if p == nil || !slices.ContainsFunc(p.it.waits, func(w *record[taskWaitFact]) bool { return w.it.Kind == "nursery" }) {
			continue
		}
		switch had := of[p]; {
		case len(had) == 0 || had[0].it.Nursery == t.it.Nursery:
			of[p] = append(had, t)
		case had[0].it.Nursery < t.it.Nursery:
			of[p] = []*task{t}
		}
	}
	return of
}

func (s *sample) edgesOf(t *task, of *pairFact, children []*task) []*edgeFact {
	if len(t.it.frames) == 0 {
		return nil
	}
	from := func(kind, text string) *edgeFact {
		return &edgeFact{Edge: probe.Edge{Waiter: of.process.it.ID, Kind: kind, FD: -1, Bytes: -1, Loop: true, Text: text}, waiter: of.process, at: t.at}
	}
	in := from("task", fmt.Sprintf("%s in %s", t.it.State, t.it.inner().it.where()))
	in.Certain, in.holder, in.holderTask = true, of.process, t
	in.Holder = of.process.it.ID
	edges := []*edgeFact{in}
	for _, w := range t.it.waits {
		e := from(w.it.Kind, w.it.says())
		e.waiterTask = t
		switch {
		case w.it.owner != nil:
			e.Holder, e.holder, e.holderTask = of.process.it.ID, of.process, w.it.owner
			e.Certain = w.it.Kind == "lock" || w.it.Kind == "task"
		case len(w.it.candidates) == 1 && (w.it.Kind == "receive" || w.it.Kind == "send"):
			e.Holder, e.holder, e.holderTask = of.process.it.ID, of.process, w.it.candidates[0]
		case w.it.onDescriptor():
			e.FD, e.Certain = w.it.FD, true
			s.leadsTo(e, of)
		default:
			e.HolderText = w.it.thing()
		}
		edges = append(edges, e)
		if w.it.Kind == "nursery" {
			for _, child := range children {
				c := from("nursery", "waits for its child to end")
				c.waiterTask, c.holderTask = t, child
				c.Holder, c.holder, c.Certain = of.process.it.ID, of.process, true
				edges = append(edges, c)
			}
		}
	}
	return edges
}

// inner is the innermost frame that is not of the library which runs the task: how
// that parks is the same for all.
func (t *taskFact) inner() *record[frameFact] {
	for _, f := range slices.Backward(t.frames) {
		if !strings.Contains(f.it.File, "/"+t.Library+"/") {
			return f
		}
	}
	return t.frames[len(t.frames)-1]
}

// leadsTo follows the descriptor of e to its other end.
func (s *sample) leadsTo(e *edgeFact, of *pairFact) {
	e.HolderText = fmt.Sprintf("fd %d", e.FD)
	for i := range of.Pair.Second.Sockets {
		c := &of.Pair.Second.Sockets[i]
		if c.FD != e.FD {
			continue
		}
		e.Facts = []probe.Fact{{Name: "fd", Value: c.FD}, {Name: "local", Value: c.Local}, {Name: "remote", Value: c.Remote}, {Name: "recv_q", Value: c.RecvQ}, {Name: "send_q", Value: c.SendQ}}
		switch {
		case c.PeerPID != 0 && c.PeerPID != of.process.it.PID:
			for _, q := range s.it.pairs {
				if q.it.process.it.PID == c.PeerPID {
					e.Holder, e.holder, e.HolderText = q.it.process.it.ID, q.it.process, ""
				}
			}
		case c.Listening():
			e.HolderText = "connections to " + c.Local
		case c.Remote != "":
			e.HolderText = c.Remote
		}
	}
}

// onDescriptor reports whether it is a descriptor that ends the wait.
func (x taskWaitFact) onDescriptor() bool {
	return (x.Kind == "read" || x.Kind == "write") && x.FD >= 0
}

// says is the wait in a few words, of which the owner is the object where there is one.
func (x taskWaitFact) says() string {
	switch x.Kind {
	case "read", "write":
		return fmt.Sprintf("waits to %s fd %d", x.Kind, x.FD)
	case "receive":
		return "waits for what a channel brings"
	case "send":
		return "waits for room in a channel"
	case "task", "gather", "group":
		return "awaits it"
	case "nursery":
		return "waits for its children"
	case "sleep", "forever":
		return "sleeps"
	}
	if x.owner != nil {
		return fmt.Sprintf("waits for the %s that it holds", x.Kind)
	}
	return fmt.Sprintf("waits for %s", article(x.Kind))
}

// thing is what a wait is for where nobody is known to end it.
func (x taskWaitFact) thing() string {
	switch x.Kind {
	case "receive", "send":
		return "a channel"
	case "nursery":
		return "its children"
	case "sleep", "forever":
		return "time"
	case "process":
		if x.PID > 0 {
			return fmt.Sprintf("pid %d", x.PID)
		}
	}
	return article(x.Kind)
}

func article(kind string) string {
	if kind != "" && (kind[0] == 'e' || kind[0] == 'u') {
		return "an " + kind
	}
	return "a " + kind
}
