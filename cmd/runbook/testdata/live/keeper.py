"""Boots one tree of stand-ins, tells it its story, and takes it down.

stdin: one line of JSON, the spec; its end means: take everything down.
stdout: one line of JSON, {"ready": true, "pids": {name: pid}} once the planted
state is reached, or {"error": "…"}.
"""
import ctypes
import json
import os
import select
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from urllib.parse import quote

import look

PR_SET_CHILD_SUBREAPER = 36
PTRACE_SEIZE, PTRACE_INTERRUPT = 0x4206, 0x4207
HERE = os.path.dirname(os.path.abspath(__file__))
libc = ctypes.CDLL(None, use_errno=True)


class Failed(Exception):
    pass


class Keeper:
    def __init__(self, spec):
        self.spec = spec
        self.dir = tempfile.mkdtemp(prefix="rb-")
        self.kept = []
        self.excused = set()  # who will not say that it is quiet
        self.deadline = time.monotonic() + spec.get("patience", 60)
        self.frozen = None
        self.addresses = {}

    # --- the shared directory (see World in actor.py) ---

    def file(self, name):
        return os.path.join(self.dir, name)

    def write(self, name, text=""):
        with open(self.file("." + name), "w") as f:
            f.write(text)
        os.rename(self.file("." + name), self.file(name))

    def marked(self, what, name):
        return os.path.exists(self.file(f"{what}.{quote(name, safe='')}"))

    def pids(self):
        out = {}
        for f in os.listdir(self.dir):
            if f.startswith("actor."):
                with open(self.file(f)) as g:
                    got = json.load(g)
                out[got["name"]] = got["pid"]
        return out

    def until(self, what, met):
        while not met():
            if os.path.exists(self.file("error")):
                with open(self.file("error")) as f:
                    raise Failed(f.read())
            if time.monotonic() > self.deadline:
                raise Failed(f"never: {what}; {self.picture()} {self.log()}")
            if select.select([0], [], [], 0.02)[0]:
                raise Failed("told to stop")

    def log(self):
        """What the tree said last."""
        with open(self.file("log"), errors="replace") as f:
            return f.read()[-2000:]

    def picture(self):
        return {n: (p, look.stat(p) and look.stat(p)[0], look.wchan(p)) for n, p in self.pids().items()}

    # --- the story ---

    def boot(self):
        if self.spec.get("subreaper", True):
            libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        self.write("spec.json", json.dumps(self.spec))
        null = open(os.devnull, "r+b")
        log = open(self.file("log"), "wb")
        env = {**os.environ, "RUNBOOK_LIVE": self.dir, "TMPDIR": self.dir, "PYTHONDONTWRITEBYTECODE": "1"}
        env.pop("PYTHONPATH", None)
        ignore = (lambda: signal.signal(signal.SIGINT, signal.SIG_IGN)) if self.spec.get("ignore_sigint") else None
        env["PYTHONWARNINGS"] = "ignore"  # that tractor is older than its trio
        program = self.spec.get("program")
        if not program:
            program = [os.path.join(HERE, "app.py")]
            env["PYTHONPATH"] = HERE + os.pathsep + os.path.join(HERE, "standin")
        self.root = subprocess.Popen([self.spec.get("python") or sys.executable, *program], stdin=null, stdout=null,
                                     stderr=log, env=env, start_new_session=True, preexec_fn=ignore)
        # All of them: who is connected to its parent may still have to enrol.
        names = list(self.actors(self.spec["tree"]))
        self.until("the tree is up", lambda: all(self.marked("up", n) for n in names) or self.dead())

    def dead(self):
        if self.root.poll() is not None:
            raise Failed(f"the root ended ({self.root.returncode}): {self.log()}")
        return False

    def tell(self):
        for i, line in enumerate(self.spec.get("steps") or []):
            who, verb, *words = shlex.split(line)
            self.write(f"step.{i}", line)
            if who == "keeper":
                getattr(self, verb.replace("-", "_"))(*words)
                self.write(f"done.{i}")
            else:
                self.until(line, lambda: os.path.exists(self.file(f"done.{i}")))
        self.write("settled")
        for name in self.actors(self.spec["tree"]):
            if not self.spec.get("program") and name not in self.excused:
                self.until(f"{name} is quiet", lambda: self.marked("quiet", name))
        for line in self.spec.get("until") or []:
            who, *states = shlex.split(line)
            for state in states:
                # Twice, for a state that is passed through is not reached.
                for _ in range(2):
                    self.until(f"{who} {state}", lambda: look.holds(self.pids()[who], state))
                    time.sleep(0.05)

    def actors(self, node):
        if not node.get("late"):
            yield node["name"]
        for child in node.get("children") or []:
            yield from self.actors(child)

    # --- what only somebody outside can do ---

    def stop(self, name):
        pid = self.pids()[name]
        os.kill(pid, signal.SIGSTOP)
        self.excused.add(name)
        self.until(f"{name} stopped", lambda: look.holds(pid, "stopped"))

    def kill(self, name):
        pid = self.pids()[name]
        self.excused.add(name)
        os.kill(pid, signal.SIGKILL)
        if pid == self.root.pid:
            self.root.wait()

    def trace(self, name):
        pid = self.pids()[name]
        self.excused.add(name)
        libc.ptrace.argtypes = [ctypes.c_long] * 4
        for request in (PTRACE_SEIZE, PTRACE_INTERRUPT):
            if libc.ptrace(request, pid, 0, 0) != 0:
                raise Failed(f"ptrace: {os.strerror(ctypes.get_errno())}")
        self.until(f"{name} traced", lambda: look.holds(pid, "traced"))

    def freeze(self, name):
        """A cgroup of its own, frozen. Needs root and a writable unified hierarchy."""
        self.excused.add(name)
        at = tempfile.mkdtemp(prefix="rb-", dir=self.spec["cgroup"])
        self.frozen = at
        with open(at + "/cgroup.procs", "w") as f:
            f.write(str(self.pids()[name]))
        with open(at + "/cgroup.freeze", "w") as f:
            f.write("1")

        def frozen():
            with open(at + "/cgroup.events") as f:
                return "frozen 1" in f.read()
        self.until(f"{name} frozen", frozen)

    def serve(self, key):
        """A server outside the tree, which takes connections and never answers."""
        s = socket.socket()
        s.bind(("127.0.0.1", 0))
        s.listen()
        self.kept.append(s)
        self.write("outside." + key, "%s %d" % s.getsockname())
        self.addresses["%s:%d" % s.getsockname()] = key
        self.write("actor." + key, json.dumps({"name": key, "pid": os.getpid()}))

    def terminal(self, key):
        ours, theirs = os.openpty()
        self.kept += [ours]
        self.write("terminal." + key, os.ttyname(theirs))
        self.kept += [theirs]

    def find(self, name, parent):
        """Names a child of parent which parent itself could not tell of."""
        known, up = set(self.pids().values()), self.pids()[parent]

        def found():
            for d in os.listdir("/proc"):
                if d.isdigit() and int(d) not in known:
                    got = look.stat(int(d))
                    if got and got[1] == up:
                        self.write("actor." + quote(name, safe=""), json.dumps({"name": name, "pid": int(d)}))
                        return True
            return False
        self.until(f"{parent} has a child {name}", found)

    def see_die(self, name):
        """Waits for an actor that ends by itself."""
        self.excused.add(name)
        self.until(f"{name} is a zombie", lambda: look.holds(self.pids()[name], "zombie"))

    def see_lock(self, key):
        """Waits until somebody holds a lock on that file."""
        def held():
            with open("/proc/locks") as f:
                return any(f":{os.stat(self.file(key)).st_ino} " in line for line in f)
        self.until(f"a lock on {key}", lambda: os.path.exists(self.file(key)) and held())

    # --- the end ---

    def take_down(self):
        """Kills the session that boot() began: it holds the tree, also what was orphaned, and nothing else."""
        if self.frozen:
            with open(self.frozen + "/cgroup.freeze", "w") as f:
                f.write("0")
        if getattr(self, "root", None) is not None:
            self.root_sid = self.root.pid
            end = time.monotonic() + 20
            while time.monotonic() < end:
                left = [p for p in self.session() if look.stat(p) and look.stat(p)[0] != "Z"]
                if not left:
                    break
                for p in left:
                    try:
                        os.kill(p, signal.SIGKILL)
                    except ProcessLookupError:
                        pass
                time.sleep(0.02)
        while True:
            try:
                pid, _ = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                break
            if pid == 0:
                break
        if self.frozen:
            try:
                os.rmdir(self.frozen)
            except OSError:
                pass
        if os.path.exists(self.file("ipc.sem")):
            with open(self.file("ipc.sem")) as f:
                libc.semctl(int(f.read()), 0, 0)  # IPC_RMID
        shutil.rmtree(self.dir, ignore_errors=True)

    def session(self):
        for d in os.listdir("/proc"):
            if d.isdigit():
                got = look.stat(int(d))
                if got and got[2] == self.root_sid:
                    yield int(d)


def main():
    for sig in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(sig, lambda *_: sys.exit(1))
    k = Keeper(json.loads(sys.stdin.buffer.readline()))
    try:
        try:
            k.boot()
            k.tell()
            say = {"ready": True, "dir": k.dir, "root": k.root.pid, "pids": k.pids(), "addresses": k.addresses, "picture": k.picture()}
        except (Failed, OSError, KeyError) as err:
            say = {"error": f"{type(err).__name__}: {err}"}
        print(json.dumps(say), flush=True)
        while sys.stdin.buffer.readline():
            pass
    finally:
        k.take_down()


if __name__ == "__main__":
    main()
