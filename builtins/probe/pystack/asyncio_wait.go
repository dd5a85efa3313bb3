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
		return p.asyncioStream(f, w)
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
		if self == 0 || !c.method("wait") && !c.method("_wait") { // the others await its pipes
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

// asyncioStream is for asyncio/streams.py. A reader waits for bytes. A writer waits
// until its buffer has room, or, once it was closed, until that is empty: either
// way its descriptor has to take bytes.
func (p *python) asyncioStream(f frame, w *wait) bool {
	kind := map[string]string{"_wait_for_data": "read", "drain": "write", "wait_closed": "write"}[f.code.name[strings.LastIndexByte(f.code.name, '.')+1:]]
	self := p.local(f, "self")
	if kind == "" || self == 0 {
		return false
	}
	transport := p.attr(self, "_transport")
	if p.isNone(transport) {
		return false
	}
	if buffer := p.attr(transport, "_buffer"); f.code.method("wait_closed") {
		left := buffer != 0 && (p.isType(buffer, "bytearray") || p.isType(buffer, "collections.deque")) && p.u64(buffer+16) > 0 // ob_size
		if !left || !p.isTrue(p.attr(transport, "_closing")) {
			return false // it waits for somebody to end the connection
		}
	}
	for _, name := range []string{"_sock_fd", "_fileno"} { // of a socket, of a pipe
		if fd := p.attr(transport, name); !p.isNone(fd) && p.isType(fd, "int") {
			w.Kind, w.FD = kind, int(p.int(fd))
			return true
		}
	}
	return false
}
