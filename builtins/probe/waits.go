package probe

import (
	"fmt"
	"strings"
)

// Waits derives who waits for whom from a sample: one edge for each queue,
// blocked call, lock and child that holds a process up. An empty list means
// that nothing of the kind was seen; what could not be read is in the ledger.
//
// The order is that of the processes, then of their descriptors and threads.
func Waits(s *Sample) []Edge {
	w := newWaiting(s)
	var edges []Edge
	for i := range s.Pairs {
		p := &s.Pairs[i]
		if p.Gone() {
			continue
		}
		edges = append(edges, w.onSockets(p)...)
		edges = append(edges, w.onThreads(p)...)
	}
	return append(edges, w.onLocks()...)
}

// waiting indexes a sample by what edges lead to.
type waiting struct {
	*Sample
	byPID     map[int]*Pair
	listeners map[string][]*Socket // by family and local address
}

func newWaiting(s *Sample) *waiting {
	w := &waiting{Sample: s, byPID: map[int]*Pair{}, listeners: map[string][]*Socket{}}
	for i := range s.Pairs {
		p := &s.Pairs[i]
		if p.Gone() {
			continue
		}
		w.byPID[p.Second.Process.PID] = p
		for j := range p.Second.Sockets {
			if l := &p.Second.Sockets[j]; l.Listening() {
				key := strings.TrimSuffix(l.Family, "6") + " " + l.Local
				w.listeners[key] = append(w.listeners[key], l)
			}
		}
	}
	return w
}

func (w *waiting) id(pid int) ID {
	if p := w.byPID[pid]; p != nil {
		return p.Second.Process.ID
	}
	return ID{}
}

// outside names a holder that is not a process of the sample.
func (w *waiting) outside(e *Edge, pid int) {
	if e.Holder = w.id(pid); e.Holder == (ID{}) && pid > 0 {
		e.HolderText = fmt.Sprintf("pid %d", pid)
	}
}

// onSockets finds the unread queues of p, the sends that p's loop waits to
// finish, and connections that p has not accepted.
func (w *waiting) onSockets(p *Pair) []Edge {
	var edges []Edge
	for i := range p.Second.Sockets {
		s := &p.Second.Sockets[i]
		was := p.socket(s)
		if w.inherited(p, s) {
			continue
		}
		switch {
		case s.Listening():
			if s.AcceptQ > 0 {
				edges = append(edges, w.unaccepted(p, s, was)...)
			}
		case s.PeerPID == p.Second.Process.PID:
			// An in-process pair (a wakeup pipe): no other process waits.
		default:
			if s.RecvQ > 0 && s.PeerPID != 0 {
				edges = append(edges, w.unread(p, s, was))
			}
			if s.SendQ > 0 && p.Second.armed(s.FD, EPOLLOUT) && p.Second.loops() {
				edges = append(edges, w.unsent(p, s, was))
			}
		}
	}
	return edges
}

// inherited reports whether p has s only because it was forked: a process above
// it holds the same socket and watches it in an event loop. Whoever watches is
// who should read; a fork shows the copied epoll set as if it were its own.
func (w *waiting) inherited(p *Pair, s *Socket) bool {
	up := w.byPID[p.Second.Process.PPID]
	for range w.Pairs { // parents that were read at different times may point in a circle
		if up == nil || up == p {
			return false
		}
		for i := range up.Second.Sockets {
			same := &up.Second.Sockets[i]
			if same.Inode == s.Inode && s.Inode != 0 && (!up.Second.HasEpoll || up.Second.watches(same.FD)) {
				return true
			}
		}
		up = w.byPID[up.Second.Process.PPID]
	}
	return false
}

// unread: bytes of the peer lie in a queue of p.
func (w *waiting) unread(p *Pair, s, was *Socket) Edge {
	e := Edge{Waiter: w.id(s.PeerPID), Holder: p.Second.Process.ID, Kind: "unread", FD: s.FD, Bytes: s.RecvQ, Loop: true}
	if was != nil {
		read := Consumed(was, s)
		e.Grew = was.RecvQ < s.RecvQ
		// Where it is not known, it is if nobody ran who could have read.
		e.Unchanged = p.Over > 0 && (read == 0 || read < 0 && was.RecvQ >= 0 && e.Grew && p.asleep())
	}
	// Level-triggered epoll returns at once for readable bytes: armed, in epoll
	// and still unread through a whole sample can only be edge-triggered, whose
	// one wake-up is spent. Then nobody is going to read either.
	armed := (p.Second.armed(s.FD, EPOLLIN) && p.Second.loops()) || (p.First.armed(s.FD, EPOLLIN) && p.First.loops())
	e.HolderArmed = armed && !(e.Unchanged && p.Still())
	e.said(octets(s.RecvQ)+" unread"+onFD(s.FD), p.Over)
	e.Facts = append(socketFacts(s), Fact{"armed", p.Second.armed(s.FD, EPOLLIN)}) // as fdinfo says, whoever waits there
	return e
}

// Consumed tells how many bytes were read from a socket between two looks at
// it; -1 when that is unknown, as when a UNIX queue grew.
func Consumed(was, now *Socket) int {
	switch {
	case was.RecvQ < 0 || now.RecvQ < 0:
		return -1
	case was.Received > 0 && now.Received > 0:
		return int(now.Received-was.Received) - (now.RecvQ - was.RecvQ)
	case was.RecvQ == now.RecvQ:
		return 0 // equal by chance is possible, and unlikely enough over a second
	default:
		return -1
	}
}

// unsent: a task of p's loop waits until the peer takes what it sent.
func (w *waiting) unsent(p *Pair, s, was *Socket) Edge {
	e := Edge{Waiter: p.Second.Process.ID, Kind: "send", FD: s.FD, Bytes: s.SendQ, Certain: true, Loop: true}
	w.outside(&e, s.PeerPID)
	if s.PeerPID == 0 {
		e.HolderText = s.Remote
	}
	e.Unchanged = p.Over > 0 && was != nil && was.SendQ == s.SendQ && p.First.armed(s.FD, EPOLLOUT) && !w.takes(s)
	e.said("has a task blocked sending"+onFD(s.FD)+", "+octets(s.SendQ)+" not taken", p.Over)
	e.Facts = append(socketFacts(s), Fact{"armed_for_writing", true})
	return e
}

// takes reports whether the other end of s was read between the looks. The
// queue of who sends does not tell: TCP opens its window in large steps, so it
// stands still for seconds while a slow reader reads on.
func (w *waiting) takes(s *Socket) bool {
	q := w.byPID[s.PeerPID]
	if q == nil {
		return false
	}
	for i := range q.Second.Sockets {
		if peer := &q.Second.Sockets[i]; peer.FD == s.PeerFD {
			was := q.socket(peer)
			return was != nil && Consumed(was, peer) != 0
		}
	}
	return false
}

// unaccepted: connections wait in the backlog of p's listener. The processes
// of the sample that dialled it are its waiters.
func (w *waiting) unaccepted(p *Pair, l, was *Socket) []Edge {
	unchanged := p.Over > 0 && was != nil && was.AcceptQ == l.AcceptQ
	armed := p.Second.armed(l.FD, EPOLLIN) && p.Second.loops() && !(unchanged && p.Still())
	var edges []Edge
	for pid, q := range w.byPID {
		for i := range q.Second.Sockets {
			s := &q.Second.Sockets[i]
			if pid == p.Second.Process.PID || s.PeerPID != 0 || s.Remote != l.Local || s.Local == l.Local || s.Listening() {
				continue
			}
			e := Edge{Waiter: q.Second.Process.ID, Holder: p.Second.Process.ID, Kind: "accept", FD: l.FD, Bytes: -1,
				Unchanged: unchanged, HolderArmed: armed, Loop: true}
			e.said("its connection to "+l.Local+" was never accepted", p.Over)
			e.Facts = append(socketFacts(l), Fact{"waiter_fd", s.FD})
			edges = append(edges, e)
			break
		}
	}
	sortEdges(edges)
	return edges
}

func socketFacts(s *Socket) []Fact {
	facts := []Fact{{"type", "socket"}, {"source", s.Source}, {"pid", s.PID}, {"fd", s.FD}, {"family", s.Family}, {"state", s.State},
		{"local", s.Local}, {"remote", s.Remote}}
	if s.Listening() {
		return append(facts, Fact{"accept_q", s.AcceptQ}, Fact{"backlog", s.Backlog})
	}
	facts = append(facts, Fact{"recv_q", s.RecvQ}, Fact{"send_q", s.SendQ})
	if s.PeerPID != 0 {
		facts = append(facts, Fact{"peer_pid", s.PeerPID}, Fact{"peer_fd", s.PeerFD})
	}
	if s.LastRecv >= 0 && s.Family != "unix" {
		facts = append(facts, Fact{"last_recv", s.LastRecv})
	}
	return facts
}
