package probe

import (
	"fmt"
	"sort"
)

// onThreads finds what the threads of p are blocked in.
func (w *waiting) onThreads(p *Pair) []Edge {
	var edges []Edge
	for i := range p.Second.Threads {
		t := &p.Second.Threads[i]
		e := Edge{Waiter: p.Second.Process.ID, FD: t.FD, Bytes: -1, Unchanged: p.threadStill(t), Loop: t.TID == p.Second.Process.PID}
		e.Certain = e.Loop
		e.Facts = threadFacts(t)
		for _, found := range w.onThread(p, t, e) {
			found.said(found.Text, p.Over)
			edges = append(edges, found)
		}
	}
	return edges
}

// onThread turns one blocked thread into edges: several when one of several
// holders would be enough, none when it waits for nobody.
func (w *waiting) onThread(p *Pair, t *Thread, e Edge) []Edge {
	switch Doing(t) {
	case "recv", "send", "connect":
		return w.onSocketCall(p, t, e)
	case "wait":
		return w.onChild(p, t, e)
	case "pipe_write", "pipe_read":
		return w.onPipe(p, t, e)
	case "vfork":
		e.Kind, e.Text = "vfork", "waits in vfork for its child to exec"
		return w.onYoungest(p, e)
	case "traced":
		e.Kind, e.Text = "traced", "is stopped by its tracer"
		w.outside(&e, p.Second.Process.Tracer)
		return []Edge{e}
	case "fifo_open":
		e.Kind, e.HolderText, e.Text = "fifo_open", "the other end of a FIFO", "waits in open for the other end of a FIFO"
		return []Edge{e}
	}
	return nil
}

// Doing says what a blocked thread does, one word more exact than Family: recv,
// send, connect and accept apart, whatever kind of socket it is.
func Doing(t *Thread) string {
	switch t.Family {
	case "unix_recv":
		return "recv"
	case "unix_send":
		return "send"
	case "unix_connect":
		return "connect"
	case "socket":
	default:
		return t.Family
	}
	switch t.Syscall {
	case "recvfrom", "recvmsg", "recvmmsg", "read", "readv":
		return "recv"
	case "sendto", "sendmsg", "sendmmsg", "write", "writev", "sendfile", "splice":
		return "send"
	case "connect":
		return "connect"
	case "accept", "accept4":
		return "accept"
	}
	return "socket"
}

func (w *waiting) onSocketCall(p *Pair, t *Thread, e Edge) []Edge {
	e.Kind = Doing(t)
	e.HolderText = "an unknown peer"
	e.Text = fmt.Sprintf("is blocked in %s%s", e.Kind, onFD(t.FD))
	for i := range p.Second.Sockets {
		s := &p.Second.Sockets[i]
		if s.FD != t.FD {
			continue
		}
		// A socketpair has a peer and no address.
		switch l := w.listener(s); {
		case s.PeerPID == p.Second.Process.PID, s.PeerPID == 0 && l != nil && l.PID == p.Second.Process.PID:
			return nil // both ends are its own, accepted or not: nobody else can end this wait
		case s.PeerPID != 0:
			e.HolderText = ""
			w.outside(&e, s.PeerPID)
		case l != nil:
			e.HolderText = ""
			w.outside(&e, l.PID)
		case s.Remote == "":
			continue
		default:
			e.HolderText = s.Remote
		}
		e.Facts = append(e.Facts, socketFacts(s)...)
		if e.Kind == "send" {
			e.Bytes = s.SendQ
			e.Unchanged = e.Unchanged && !w.takes(s)
		}
	}
	if e.Kind == "connect" && e.HolderText == "an unknown peer" {
		if edges := w.onFullListeners(p, e); len(edges) > 0 {
			return edges
		}
	}
	return []Edge{e}
}

// listener finds who listens at the address that s dials.
func (w *waiting) listener(s *Socket) *Socket {
	if s.Remote == "" {
		return nil
	}
	family := s.Family
	if family == "tcp6" {
		family = "tcp"
	}
	if found := w.listeners[family+" "+s.Remote]; len(found) > 0 {
		return found[0]
	}
	return nil
}

// onFullListeners leads to the UNIX listeners of the other processes whose
// backlog is full. A UNIX socket that is being connected does not say whom it
// dials; only a full backlog makes connect wait, and mostly there is one of
// these. Of several none is certain.
func (w *waiting) onFullListeners(p *Pair, e Edge) []Edge {
	var edges []Edge
	for i := range w.Pairs {
		q := &w.Pairs[i]
		if q == p || q.Gone() {
			continue
		}
		for j := range q.Second.Sockets {
			l := &q.Second.Sockets[j]
			if l.Listening() && l.Family == "unix" && l.AcceptQ > 0 && l.AcceptQ >= l.Backlog && !w.inherited(q, l) {
				e := e
				e.Holder, e.HolderText = q.Second.Process.ID, ""
				e.Facts = append(e.Facts[:len(e.Facts):len(e.Facts)], socketFacts(l)...)
				edges = append(edges, e)
			}
		}
	}
	for i := range edges {
		edges[i].Certain = edges[i].Certain && len(edges) == 1
	}
	return edges
}

// onChild: wait4(pid), waitid(P_PID|P_PIDFD), or any child.
func (w *waiting) onChild(p *Pair, t *Thread, e Edge) []Edge {
	e.Kind, e.FD = "waitpid", -1
	target := 0
	switch t.Syscall {
	case "wait4":
		target = int(int32(t.Args[0]))
	case "waitid":
		switch t.Args[0] { // idtype: P_ALL 0, P_PID 1, P_PGID 2, P_PIDFD 3
		case 1:
			target = int(int32(t.Args[1]))
		case 3:
			for _, fd := range p.Second.FDs {
				if fd.Num == int(t.Args[1]) && fd.Kind == "pidfd" {
					target = fd.PID
				}
			}
		}
	}
	if target > 0 {
		e.Text = fmt.Sprintf("waits for pid %d to end", target)
		w.outside(&e, target)
		return []Edge{e}
	}
	children := w.children(p)
	var edges []Edge
	for _, c := range children {
		e := e
		e.Holder, e.Text = c, "waits for a child to end"
		// Any of several would do: each alone is not what holds it up.
		e.Certain = e.Certain && len(children) == 1
		edges = append(edges, e)
	}
	return edges
}

// children lists p's living children in the sample, oldest first.
func (w *waiting) children(p *Pair) []ID {
	var ids []ID
	for i := range w.Pairs {
		c := &w.Pairs[i]
		if !c.Gone() && c.Second.Process.PPID == p.Second.Process.PID && !c.Second.Process.Zombie() {
			ids = append(ids, c.Second.Process.ID)
		}
	}
	sort.Slice(ids, func(i, j int) bool { return ids[i].Start < ids[j].Start })
	return ids
}

func (w *waiting) onYoungest(p *Pair, e Edge) []Edge {
	e.FD = -1
	if c := w.children(p); len(c) > 0 {
		e.Holder = c[len(c)-1]
		return []Edge{e}
	}
	e.HolderText = "a child that cannot be seen"
	return []Edge{e}
}

func threadFacts(t *Thread) []Fact {
	facts := []Fact{{"type", "thread"}, {"tid", t.TID}, {"state", t.State}, {"wchan", t.Wchan}}
	if t.Syscall != "" {
		facts = append(facts, Fact{"syscall", t.Syscall})
	}
	if t.FD >= 0 {
		facts = append(facts, Fact{"fd", t.FD})
	}
	if t.Target != nil {
		facts = append(facts, Fact{"target", t.Target.Link})
	}
	return facts
}

func sortEdges(edges []Edge) {
	sort.SliceStable(edges, func(i, j int) bool {
		if edges[i].Waiter != edges[j].Waiter {
			return edges[i].Waiter.PID < edges[j].Waiter.PID
		}
		return edges[i].FD < edges[j].FD
	})
}
