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
	if e.Kind == "connect" {
		if l := w.fullListener(p); l != nil {
			e.HolderText = ""
			w.outside(&e, l.PID)
			e.Facts = append(e.Facts, socketFacts(l)...)
		}
	}
	for i := range p.Second.Sockets {
		s := &p.Second.Sockets[i]
		if s.FD != t.FD || s.Remote == "" {
			continue
		}
		if s.PeerPID == p.Second.Process.PID {
			return nil // both ends are its own: nobody else can end this wait
		}
		e.HolderText = s.Remote
		if s.PeerPID != 0 {
			e.HolderText = ""
			w.outside(&e, s.PeerPID)
		} else if l := w.listener(s); l != nil {
			e.HolderText = ""
			w.outside(&e, l.PID)
		}
		e.Facts = append(e.Facts, socketFacts(s)...)
		if e.Kind == "send" {
			e.Bytes = s.SendQ
		}
	}
	e.Text = fmt.Sprintf("is blocked in %s%s", e.Kind, onFD(t.FD))
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

// fullListener finds the one UNIX listener of the other processes whose backlog
// is full. A UNIX socket that is being connected does not say whom it dials;
// only a full backlog makes connect wait, and mostly there is one of these.
func (w *waiting) fullListener(p *Pair) *Socket {
	var full *Socket
	for _, ls := range w.listeners {
		for _, l := range ls {
			if l.Family != "unix" || l.PID == p.Second.Process.PID || l.AcceptQ <= 0 || l.AcceptQ < l.Backlog {
				continue
			}
			if full != nil {
				return nil
			}
			full = l
		}
	}
	return full
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

// onPipe: a writer waits for readers of a full pipe, a reader for writers of an
// empty one.
func (w *waiting) onPipe(p *Pair, t *Thread, e Edge) []Edge {
	e.Kind = Doing(t)
	fd := w.blockedPipe(p, t)
	if fd == nil {
		e.Certain, e.HolderText, e.Text = false, "a pipe", "is blocked in "+e.Kind
		return []Edge{e}
	}
	e.FD = fd.Num
	e.Text = "is blocked in " + e.Kind + onFD(fd.Num)
	if fill, ok := p.Second.Pipes[fd.Num]; ok {
		e.Bytes = fill.Bytes
		e.Text += fmt.Sprintf(" (%s of %s)", count(fill.Bytes), count(fill.Capacity))
		e.Facts = append(e.Facts, Fact{"pipe_bytes", fill.Bytes}, Fact{"pipe_capacity", fill.Capacity})
	}
	e.Facts = append(e.Facts, Fact{"link", fd.Link})
	var edges []Edge
	seen := map[ID]bool{e.Waiter: true}
	own := false
	for _, end := range w.ends(fd) {
		known := end.fd.Read || end.fd.Write // of a FIFO only the blocked end's direction is read
		if known && (e.Kind == "pipe_write" && !end.fd.Read || e.Kind == "pipe_read" && !end.fd.Write) {
			continue
		}
		if end.id == e.Waiter {
			own = true
		}
		if !seen[end.id] {
			seen[end.id] = true
			e := e
			e.Holder = end.id
			edges = append(edges, e)
		}
	}
	// Any of several could end the wait: none of them alone is what holds it up.
	for i := range edges {
		edges[i].Certain = edges[i].Certain && len(edges) == 1
	}
	if len(edges) == 0 {
		e.HolderText = fd.Link
		if own {
			e.HolderText = "itself: it holds both ends of " + fd.Link
		}
		edges = []Edge{e}
	}
	return edges
}

// ends lists the descriptors of the sample that are the same pipe or FIFO.
func (w *waiting) ends(of *FD) []pipeEnd {
	var ends []pipeEnd
	for i := range w.Pairs {
		p := &w.Pairs[i]
		if p.Gone() {
			continue
		}
		for _, fd := range p.Second.FDs {
			if fd.Link == of.Link {
				ends = append(ends, pipeEnd{p.Second.Process.ID, fd})
			}
		}
	}
	return ends
}

// blockedPipe finds the descriptor in which t blocks. Where the kernel hides
// the system call, it is the one pipe that p holds open in that direction.
func (w *waiting) blockedPipe(p *Pair, t *Thread) *FD {
	var only *FD
	candidates := map[uint64]bool{}
	for i := range p.Second.FDs {
		fd := &p.Second.FDs[i]
		if fd.Num == t.FD {
			return fd // a FIFO, too, whose link is a path like any file's
		}
		if fd.Kind != "pipe" {
			continue
		}
		if (Doing(t) == "pipe_write" && fd.Write) || (Doing(t) == "pipe_read" && fd.Read) {
			candidates[fd.Inode] = true
			only = fd
		}
	}
	if t.FD >= 0 || len(candidates) != 1 {
		return nil
	}
	return only
}

// onLocks reads waiter and holder of file locks from /proc/locks.
func (w *waiting) onLocks() []Edge {
	var edges []Edge
	for _, l := range w.Locks {
		for _, waiter := range l.Waiters {
			p := w.byPID[waiter.PID]
			if p == nil {
				continue
			}
			e := Edge{Waiter: p.Second.Process.ID, Kind: "lock", FD: -1, Bytes: -1, Certain: true, Loop: true}
			if m := p.Second.Main(); m != nil {
				e.Unchanged = p.threadStill(m)
				e.Loop = m.Family == "flock" || m.Family == "fcntl_lock"
				e.FD = m.FD
				e.Certain = e.Loop
				e.Facts = threadFacts(m)
			}
			name := l.Path
			if name == "" {
				name = fmt.Sprintf("inode %s:%d", l.Dev, l.Inode)
			}
			w.outside(&e, holderOf(l, waiter.PID, w.byPID))
			if e.Holder == (ID{}) && e.HolderText == "" {
				e.HolderText = "whoever has " + name + " locked"
			}
			e.Facts = append(e.Facts, Fact{"lock", l.Kind + " " + l.Mode}, Fact{"file", name}, Fact{"lock_holder", l.PID})
			e.said("waits for the "+l.Kind+" lock on "+name, w.Over)
			edges = append(edges, e)
		}
	}
	return edges
}

// holderOf is who holds a lock now; 0 when that can't be told. A flock belongs
// to an open file: /proc/locks names who took it, who may have ended or closed
// it while a child that inherited the descriptor keeps it locked.
func holderOf(l Lock, waiter int, known map[int]*Pair) int {
	var now []int
	for _, h := range l.Holders {
		if h.PID == l.PID {
			return h.PID
		}
		if h.PID != waiter {
			now = append(now, h.PID)
		}
	}
	for _, pid := range now {
		if known[pid] != nil {
			return pid
		}
	}
	if len(now) > 0 {
		return now[0]
	}
	return max(l.PID, 0)
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
