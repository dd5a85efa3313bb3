"""One stand-in actor: a loop, a listener, a connection to its parent, children.

It does what the story tells it. The keeper writes each step of the story into a
file; the actor looks for the next one from a timer, so that no control channel
is left among its descriptors when the story is told.
"""
import json
import os
import shlex
import subprocess
import sys
import time
from urllib.parse import quote

from loop import IN, OUT, Conn, Loop, dial, listen

HERE = os.path.dirname(os.path.abspath(__file__))


class World:
    """The directory which the keeper and all actors of one tree share."""

    def __init__(self, path=None):
        self.path = path or os.environ["RUNBOOK_LIVE"]
        with open(os.path.join(self.path, "spec.json")) as f:
            self.spec = json.load(f)

    def file(self, *parts):
        return os.path.join(self.path, *parts)

    def write(self, name, text=""):
        """Appears whole or not at all."""
        tmp = self.file(f".{name}.{os.getpid()}")
        with open(tmp, "w") as f:
            f.write(text)
        os.rename(tmp, self.file(name))

    def has(self, name):
        return os.path.exists(self.file(name))

    def register(self, name, **facts):
        self.write("actor." + quote(name, safe=""), json.dumps({"name": name, **facts}))

    def lookup(self, name):
        with open(self.file("actor." + quote(name, safe=""))) as f:
            return json.load(f)

    def mark(self, what, name):
        self.write(f"{what}.{quote(name, safe='')}")

    def marked(self, what, name):
        return self.has(f"{what}.{quote(name, safe='')}")

    def node(self, name, at=None):
        at = at or self.spec["tree"]
        if at["name"] == name:
            return at
        for child in at.get("children") or []:
            found = self.node(name, child)
            if found:
                return found
        return None


def uuid4():
    x = os.urandom(16).hex()
    return f"{x[:8]}-{x[8:12]}-4{x[13:16]}-8{x[17:20]}-{x[20:]}"


class Actor:
    def __init__(self, name, parent=None):
        self.world = World()
        self.spec = self.world.spec
        self.name = name
        self.node = self.world.node(name)
        self.loop = Loop(self.node.get("style") or "trio")
        self.conns = {}
        self.kids = {}       # name → Popen or Process
        self.pipes = {}      # key → [read end, write end]
        self.kept = []       # what must not be garbage collected
        self.step = 0
        self.heard = 0       # bytes of data messages
        if parent is not None:
            self.adopt(Conn(dial(parent), "parent")).send(hello=name)
        self.listener, self.addr = listen(
            self.spec["net"], name, self.world.file("s"), backlog=self.node.get("backlog") or 128)
        self.listener.setblocking(False)
        self.loop.add(self.listener.fileno(), self._accept)
        self.world.register(name, pid=os.getpid(), addr=self.addr)
        if parent is None:
            self.world.write("registry", json.dumps(self.addr))
        else:
            self._enrol()
        for child in self.node.get("children") or []:
            if not child.get("late"):
                self.spawn(child["name"])
        while any(not c.get("late") and c["name"] not in self.conns for c in self.node.get("children") or []):
            self.loop.turn(0.02)
        self.world.mark("up", name)

    def _enrol(self):
        """Registering is a short dial of its own, which leaves a TIME-WAIT behind."""
        with open(self.world.file("registry")) as f:
            addr = json.load(f)
        s = dial(addr)
        s.sendall(json.dumps({"register": self.name}).encode() + b"\n")
        s.close()

    def spawn(self, name, **env):
        node = self.world.node(name)
        form, extra = self.spec["form"], {}
        if form.startswith("mp_"):
            import multiprocessing  # which takes longer to import than all the rest
            ctx = multiprocessing.get_context(form[3:])
            kid = ctx.Process(target=child, args=(name, self.addr))
            kid.start()
        else:
            if node.get("stdout") == "pipe":
                extra["stdout"] = subprocess.PIPE
            addr = os.path.split(self.addr) if isinstance(self.addr, str) else self.addr
            args = [sys.executable, "-m", "tractor._child", "--uid", str((name, uuid4())),
                    "--parent_addr", str(addr)] + (["--title"] if form == "title" else [])
            # A wiped environment (see title.py) can't be inherited by itself.
            kid = subprocess.Popen(args, env={**os.environ, **env}, **extra)
        self.kids[name] = kid
        self.world.register(name, pid=kid.pid)
        pidfd = os.pidfd_open(kid.pid)
        self.kept.append(pidfd)
        self.loop.add(pidfd, lambda: 0)  # trio waits for the end of a child so; nobody reaps here

    def adopt(self, conn):
        if conn.peer:
            self.conns[conn.peer] = conn
        self.loop.add(conn.fd, lambda: self._read(conn))
        return conn

    def _accept(self):
        sock, _ = self.listener.accept()
        self.adopt(Conn(sock))
        return IN

    def _wants(self, conn):
        return (0 if conn.deaf else IN) | (OUT if conn.flooding else 0)

    def _read(self, conn):
        if conn.deaf:
            return self._wants(conn)
        try:
            data = conn.sock.recv(65536)
        except BlockingIOError:
            return self._wants(conn)
        except ConnectionError:
            data = b""
        if not data:
            if conn.keep_eof:
                return 0
            conn.sock.close()
            return None
        *lines, conn.rest = (conn.rest + data).split(b"\n")
        for line in lines:
            self._heard(conn, json.loads(line))
        return self._wants(conn)

    def _heard(self, conn, msg):
        if "hello" in msg:
            conn.peer = msg["hello"]
            self.conns[conn.peer] = conn
        elif "ask" in msg:
            conn.send(answer=msg["ask"])
        elif "data" in msg:
            self.heard += len(msg["data"])
        if conn.slow:
            time.sleep(conn.slow)

    def run(self):
        """Lives through the story, then for ever."""
        while not self.world.has("settled"):
            self.loop.turn(0.02)
            while self.world.has(f"step.{self.step}"):
                self._do()
        self.quiet()
        while True:
            self.loop.turn()

    def quiet(self):
        """Says that this actor looks for no further step."""
        self.world.mark("quiet", self.name)

    def done(self):
        """Says that the step is taken. A verb that never returns calls it, and quiet, before it sticks."""
        self.world.write(f"done.{self.step - 1}")

    def stick(self):
        self.quiet()
        self.done()

    def _do(self):
        import stuck
        import verbs
        with open(self.world.file(f"step.{self.step}")) as f:
            who, verb, *words = shlex.split(f.read())
        self.step += 1
        if who != self.name:
            return
        try:
            fn = getattr(verbs, verb.replace("-", "_"), None) or getattr(stuck, verb.replace("-", "_"))
            fn(self, *words)
        except BaseException as err:
            self.world.write("error", f"{who} {verb} {words}: {err!r}")
            raise
        self.done()


def child(name, parent, titled=False):
    how = os.environ.pop("RUNBOOK_BOOT", "")
    if how == "die":
        sys.exit(2)
    if how == "slow":  # what importing looks like from outside: on the processor, not yet connected
        until = time.monotonic() + 1.5
        while time.monotonic() < until:
            compile("x = [%s]" % ",".join(map(str, range(2000))), "module", "exec")
    if titled:
        import title
        title.set_title(f"_subactor[{name}@{os.getpid()}]")
    actor = Actor(name, parent)
    # A child that came late has no part in what was told before.
    while actor.world.has(f"done.{actor.step}"):
        actor.step += 1
    actor.run()


def root():
    world = World()
    if world.spec.get("netns"):
        import netns
        netns.enter()
    Actor(world.spec["tree"]["name"]).run()
