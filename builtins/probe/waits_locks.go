package probe

import "fmt"

// onLocks reads waiter and holder of file locks from /proc/locks.
func (w *waiting) onLocks() []Edge {
	var edges []Edge
	for _, l := range w.Locks {
		for _, waiter := range l.Waiters {
			for _, p := range w.lockWaiters(l, waiter) {
				edges = append(edges, w.onLock(p, l))
			}
		}
	}
	return edges
}

// lockWaiters is the process of a waiter's row. The row of an open file
// description lock says pid -1: then it is whoever blocks on that very file.
func (w *waiting) lockWaiters(l Lock, waiter LockWaiter) []*Pair {
	if p := w.byPID[waiter.PID]; p != nil {
		return []*Pair{p}
	}
	var found []*Pair
	for i := range w.Pairs {
		p := &w.Pairs[i]
		if p.Gone() || waiter.PID >= 0 {
			continue
		}
		if t := atLock(&p.Second); t != nil && t.Family == "fcntl_lock" && t.Target != nil && t.Target.Link == l.Path {
			found = append(found, p)
		}
	}
	return found
}

func (w *waiting) onLock(p *Pair, l Lock) Edge {
	e := Edge{Waiter: p.Second.Process.ID, Kind: "lock", FD: -1, Bytes: -1, Loop: true}
	if t := atLock(&p.Second); t != nil {
		e.Unchanged = p.threadStill(t)
		e.Loop = t.TID == p.Second.Process.PID
		e.FD = t.FD
		e.Certain = e.Loop
		e.Facts = threadFacts(t)
	}
	name := l.Path
	if name == "" {
		name = fmt.Sprintf("inode %s:%d", l.Dev, l.Inode)
	}
	w.outside(&e, holderOf(l, p.Second.Process.PID, w.byPID))
	if e.Holder == (ID{}) && e.HolderText == "" {
		e.HolderText = "whoever has " + name + " locked"
	}
	e.Facts = append(e.Facts, Fact{"lock", l.Kind + " " + l.Mode}, Fact{"file", name}, Fact{"lock_holder", l.PID})
	e.said("waits for the "+l.Kind+" lock on "+name, w.Over)
	return e
}

// atLock is the thread of a process that waits for a lock, the main one first;
// nil when none is seen to: the table of locks is read a moment later than
// threads. An only thread is it, also where the kernel hides its wait.
func atLock(r *Reading) *Thread {
	waits := func(t *Thread) bool {
		return t != nil && (t.Family == "flock" || t.Family == "fcntl_lock" || t.Family == "" && len(r.Threads) == 1)
	}
	if main := r.Main(); waits(main) {
		return main
	}
	for i := range r.Threads {
		if waits(&r.Threads[i]) {
			return &r.Threads[i]
		}
	}
	return nil
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
