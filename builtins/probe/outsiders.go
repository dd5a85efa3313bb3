package probe

import (
	"cmp"
	"context"
	"maps"
	"slices"
)

// mostOutsiders bounds how many processes a look may add to those that were
// asked for: a pipe that a thousand processes inherited explains nothing.
const mostOutsiders = 16

// outsiders finds the processes, not among those of readings, that hold what a
// thread of these is blocked in: the other end of a pipe that nobody else of
// them has, or the lock on a file. A service that keeps the standard output of
// the script that started it is one.
//
// Cost: nothing when nobody is blocked so; else the open files of all processes
// of the host, about 30 µs each. Who may not be read stays unfound, which the
// ledger says.
func outsiders(ctx context.Context, h Host, readings []Reading) []Process {
	known := map[int]bool{h.Clock().PID: true}
	for i := range readings {
		known[readings[i].Process.PID] = true
	}
	var pids []int
	if links := lonelyPipes(readings); len(links) > 0 {
		found, hidden, err := holders(ctx, h, links)
		if err != nil {
			return nil
		}
		coverHidden(ctx, h, "pipes", hidden)
		for link := range links {
			for _, ref := range found[link] {
				pids = append(pids, ref.PID)
			}
		}
	}
	pids = append(pids, lockHolders(ctx, h, readings, known)...)
	slices.Sort(pids)

	var procs []Process
	for _, pid := range slices.Compact(pids) {
		if known[pid] || len(procs) == mostOutsiders {
			continue
		}
		if p, err := ReadProcess(ctx, h, pid); err == nil {
			procs = append(procs, p)
		}
	}
	slices.SortFunc(procs, func(a, b Process) int { return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(a.PID, b.PID)) })
	return procs
}

// lonelyPipes are the pipes in which a main thread is blocked and whose other
// end no other process of readings holds.
func lonelyPipes(readings []Reading) map[string]bool {
	w := newWaiting(once(readings))
	links := map[string]bool{}
	for i := range w.Pairs {
		p := &w.Pairs[i]
		t := p.Second.Main()
		if p.Gone() || t == nil || t.Family != "pipe_read" && t.Family != "pipe_write" {
			continue
		}
		for _, e := range w.onPipe(p, t, Edge{Waiter: p.Second.Process.ID}) {
			if fd := w.blockedPipe(p, t); fd != nil && e.Holder == (ID{}) {
				links[fd.Link] = true
			}
		}
	}
	return links
}

// lockHolders are the holders of locks for which a process of readings waits.
func lockHolders(ctx context.Context, h Host, readings []Reading, known map[int]bool) []int {
	blocked := slices.ContainsFunc(readings, func(r Reading) bool { return !r.Gone && atLock(&r) != nil })
	if !blocked {
		return nil
	}
	locks, err := locksWaitedFor(ctx, h, slices.Collect(maps.Keys(known)))
	if err != nil {
		return nil
	}
	w := newWaiting(once(readings))
	var pids []int
	for _, l := range locks {
		for _, waiter := range l.Waiters {
			if !known[waiter.PID] {
				continue
			}
			if pid := holderOf(l, waiter.PID, w.byPID); pid > 0 {
				pids = append(pids, pid)
			}
		}
	}
	return pids
}

// once is a sample of a single look.
func once(readings []Reading) *Sample {
	s := &Sample{Pairs: make([]Pair, len(readings))}
	for i := range readings {
		s.Pairs[i] = Pair{First: readings[i], Second: readings[i]}
	}
	return s
}
