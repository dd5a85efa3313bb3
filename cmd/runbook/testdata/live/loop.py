"""A single-threaded event loop that arms its descriptors as trio does.

EPOLLONESHOT: a descriptor whose readiness was handled stays registered without
EPOLLIN until someone waits for it again. That difference, seen from outside in
/proc/PID/fdinfo, is what tells a deaf loop from an idle one.
"""
import json
import os
import select
import socket
import time

IN, OUT, ONESHOT = select.EPOLLIN, select.EPOLLOUT, select.EPOLLONESHOT


class Conn:
    """One stream of JSON lines to a peer."""

    def __init__(self, sock, peer=""):
        sock.setblocking(False)
        self.sock, self.peer = sock, peer
        self.fd = sock.fileno()
        self.rest = b""
        self.deaf = False       # nobody reads it any more
        self.keep_eof = False   # EOF is consumed, the socket stays
        self.flooding = False   # a task is blocked in send
        self.slow = 0.0         # seconds that each message takes

    def send(self, **msg):
        self.sock.setblocking(True)
        self.sock.sendall(json.dumps(msg).encode() + b"\n")
        self.sock.setblocking(False)


class Loop:
    """style is "trio" (ONESHOT) or "asyncio" (level triggered, always armed)."""

    def __init__(self, style="trio"):
        self.style = style
        self.epoll = select.epoll()
        self.wakeup, self.wakeup_w = socket.socketpair()
        self.inner, self.inner_w = socket.socketpair()
        for s in (self.wakeup, self.wakeup_w, self.inner, self.inner_w):
            s.setblocking(False)
        self.handlers = {}
        self.timers = []
        self.add(self.wakeup.fileno(), self._woken)

    def _woken(self):
        self.wakeup.recv(4096)
        return IN

    def add(self, fd, handler, events=IN):
        """handler returns the events to wait for next, 0 for nobody waits, None when fd is closed."""
        self.handlers[fd] = handler
        self.epoll.register(fd, self._mask(events))

    def arm(self, fd, events):
        self.epoll.modify(fd, self._mask(events))

    def _mask(self, events):
        return events if self.style == "asyncio" else events | ONESHOT

    def every(self, seconds, fn):
        self.timers.append([time.monotonic() + seconds, seconds, fn])

    def turn(self, timeout=None):
        """One pass. timeout None waits for ever, if no timer is set."""
        now = time.monotonic()
        for t in self.timers:
            wait = max(0.0, t[0] - now)
            timeout = wait if timeout is None else min(timeout, wait)
        for fd, _ in self.epoll.poll(timeout):
            if fd not in self.handlers:
                continue
            events = self.handlers[fd]()
            if events is None:
                self.handlers.pop(fd, None)
            elif events and self.style != "asyncio":
                self.arm(fd, events)
            elif not events and self.style == "asyncio":
                self.arm(fd, 0)
        now = time.monotonic()
        for t in self.timers:
            if t[0] <= now:
                t[0] = now + t[1]
                t[2]()


def listen(net, name, where, port=0, backlog=128):
    """A listener and its address: (host, port), or the path NAME@PID.sock."""
    if net == "tcp":
        s = socket.socket(socket.AF_INET)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind(("127.0.0.1", port))
        s.listen(4096 if backlog == 128 else backlog)
        return s, s.getsockname()
    os.makedirs(where, mode=0o700, exist_ok=True)
    safe = "".join(c if c.isalnum() or c in "._-" else "_" for c in name)
    path = os.path.join(where, f"{safe}@{os.getpid()}.sock")
    s = socket.socket(socket.AF_UNIX)
    s.bind(path)
    s.listen(backlog)
    return s, path


def dial(addr, timeout=None):
    if isinstance(addr, str):
        s = socket.socket(socket.AF_UNIX)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)  # which also binds an abstract name
    else:
        s = socket.socket(socket.AF_INET)
        addr = tuple(addr)
    s.settimeout(timeout)
    s.connect(addr)
    return s
