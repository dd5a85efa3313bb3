package pystack

import "strings"

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
		for i := len(t.chain) - 1; i >= 0 && !t.cut(); i-- {
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
	case c.of("asyncio/selector_events.py"):
		way := map[string]string{"sock_recv": "read", "sock_recv_into": "read", "sock_recvfrom": "read", "sock_recvfrom_into": "read",
			"sock_accept": "read", "sock_sendall": "write", "sock_sendto": "write", "sock_connect": "write"}
		sock := p.local(f, "sock")
		kind := way[c.name[strings.LastIndexByte(c.name, '.')+1:]]
		if kind == "" || sock == 0 || p.typeOf(sock).name != "socket" {
			return false
		}
		w.Kind, w.FD = kind, int(p.i32(sock+16)) // PySocketSockObject.sock_fd
	case c.of("asyncio/threads.py"):
		w.Kind = "thread"
	case c.of("asyncio/base_subprocess.py"), c.of("asyncio/subprocess.py"):
		self := p.local(f, "self")
		if self == 0 {
			return false
		}
		for _, name := range []string{"pid", "_pid"} {
			if pid := p.attr(self, name); !p.isNone(pid) && p.isType(pid, "int") {
				w.Kind, w.PID = "process", int(p.int(pid))
				return true
			}
		}
		return false
	default:
		return false
	}
	return true
}
