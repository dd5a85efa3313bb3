package pystack

// asyncioWait tells what a parked asyncio task waits for: from the future it
// waits for, and from the frames of asyncio on the way there.
func (p *python) asyncioWait(t *task, waiter uint64) wait {
	w := newWait("future")
	_ = try(func() {
		switch p.typeOf(waiter).name {
		case "_asyncio.Task", "Task":
			w.Kind, w.owner = "task", waiter
			return
		case "_GatheringFuture":
			w.Kind = "gather"
			return
		}
		for i := len(t.chain) - 1; i >= 0; i-- {
			if f := t.chain[i].frame; f.code != nil && p.asyncioFrame(f, &w) {
				return
			}
		}
	})
	return w
}

func (p *python) asyncioFrame(f frame, w *wait) bool {
	c := f.code
	switch {
	case c.of("asyncio/taskgroups.py"):
		w.Kind = "group"
	case c.of("asyncio/locks.py"):
		switch self := p.local(f, "self"); {
		case self == 0:
			return false
		default:
			kind, ok := map[string]string{"Lock": "lock", "Event": "event", "Condition": "condition",
				"Semaphore": "semaphore", "BoundedSemaphore": "semaphore"}[p.typeOf(self).name]
			if !ok {
				return false
			}
			w.Kind = kind
		}
	case c.of("asyncio/queues.py"):
		w.Kind = "queue"
	case c.of("asyncio/tasks.py") && c.name == "sleep":
		w.Kind = "sleep"
	case c.of("asyncio/streams.py"):
		reader := p.local(f, "self")
		if reader == 0 {
			return false
		}
		transport := p.attr(reader, "_transport")
		if p.isNone(transport) {
			return false
		}
		fd := p.attr(transport, "_sock_fd")
		if p.isNone(fd) || !p.isType(fd, "int") {
			return false
		}
		w.Kind, w.FD = "read", int(p.int(fd))
		if c.method("drain") {
			w.Kind = "write"
		}
	default:
		return false
	}
	return true
}
