package probe

import (
	"context"
)

// Look reads everything that one look at each of procs gives, at one moment as
// far as that is possible: descriptors of all first, so that what can only be
// read of a whole network namespace is read once; then each process; then
// sockets joined among all of them.
//
// A process that vanished, or whose pid is another process now, comes back
// with Gone set. What could not be read is noted with Cover and left without
// its Has… flag. Only ctx's own error is returned.
func Look(ctx context.Context, h Host, procs []Process) ([]Reading, error) {
	readings := make([]Reading, len(procs))
	open := make([][]FD, len(procs))
	Abreast(ctx, len(procs), func(ctx context.Context, i int) {
		if ctx.Err() == nil {
			readings[i] = identify(ctx, h, procs[i])
			open[i] = readings[i].FDs
		}
	})
	Abreast(Together(ctx, open...), len(procs), func(shared context.Context, i int) {
		// Nothing is left behind a zombie but its exit status.
		if r := &readings[i]; ctx.Err() == nil && !r.Gone && !r.Process.Zombie() {
			look(shared, h, r)
		}
	})
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	var sockets []*Socket
	for i := range readings {
		for j := range readings[i].Sockets {
			sockets = append(sockets, &readings[i].Sockets[j])
		}
	}
	Join(sockets)
	return readings, nil
}

// identify reads who a process is now, and what it holds open.
func identify(ctx context.Context, h Host, was Process) Reading {
	r := Reading{At: h.Now(), Process: was}
	now, err := readAgain(ctx, h, was)
	if err != nil || now.Start != was.Start {
		r.Gone = err == nil || Gone(err)
		return r
	}
	now.Matched, now.Above = was.Matched, was.Above
	r.Process = now
	if now.Zombie() {
		return r
	}
	if fds, err := FDs(ctx, h, was.PID); err == nil {
		r.FDs, r.HasFDs = fds, true
	}
	return r
}

// look reads what moves: threads, signals, queues. Sockets and epoll sets come
// last and next to each other, for one is judged by the other.
func look(ctx context.Context, h Host, r *Reading) {
	pid := r.Process.PID
	if threads, err := Threads(ctx, h, pid, r.FDs); err == nil {
		r.Threads, r.HasThreads = threads, true
	}
	if signals, err := ReadSignals(ctx, h, pid); err == nil {
		r.Signals, r.HasSignals = signals, true
	}
	if !r.HasFDs {
		return // sockets, epoll and pipes are found through descriptors
	}
	r.Pipes = pipeFills(ctx, h, r)
	if items, err := Epoll(ctx, h, pid, r.FDs); err == nil {
		r.Epoll, r.HasEpoll = items, true
	}
	socks, err := h.Sockets(ctx, pid, r.FDs)
	if err == nil {
		r.Sockets, r.HasSockets = socks, true
	}
	remedy := ""
	if err != nil {
		remedy = Remedy(ctx, h, r.Process.UID)
	}
	Cover(ctx, "ss", pid, err, remedy)
}

// pipeFills asks for the pipes that can explain a wait: standard input and
// output, and those in which a thread blocks. Asking for all would cost two
// system calls a pipe, for pipes that nobody waits on.
func pipeFills(ctx context.Context, h Host, r *Reading) map[int]PipeFill {
	pid := r.Process.PID
	asked := map[int]bool{}
	blocked := false
	for _, t := range r.Threads {
		if t.Family == "pipe_write" || t.Family == "pipe_read" {
			blocked = true
			if t.FD >= 0 {
				asked[t.FD] = true
			}
		}
	}
	if !blocked {
		return nil
	}
	fills := map[int]PipeFill{}
	for _, fd := range r.FDs {
		if !asked[fd.Num] && !(fd.Kind == "pipe" && fd.Num <= 2) {
			continue
		}
		if fill, err := h.Pipe(ctx, pid, fd); err == nil {
			fills[fd.Num] = fill
		} else {
			Cover(ctx, "pipes", pid, err, Remedy(ctx, h, r.Process.UID))
		}
	}
	return fills
}
