"""What an actor can be told and never returns from: the main thread is blocked.

Each calls stick() first, and then really blocks in the kernel.
"""
import ctypes
import fcntl
import os
import resource
import select
import signal
import socket
import subprocess
import sys
import threading
import time

from loop import IN, Conn, dial, listen
from verbs import F_OFD_SETLKW, WHOLE_FILE, call_plain

FOREVER = 1_000_000


def sleep(a):
    a.stick()
    time.sleep(FOREVER)


def sip(a, peer):
    """Takes a few bytes and sleeps, and never comes back to its loop."""
    a.conns[peer].sock.setblocking(True)
    a.stick()
    while True:
        a.conns[peer].sock.recv(5)
        time.sleep(0.2)


def event(a):
    a.stick()
    threading.Event().wait()


def join(a):
    """Waits for a worker thread that itself waits for ever."""
    t = threading.Thread(target=lambda: time.sleep(FOREVER), daemon=True)
    t.start()
    a.stick()
    t.join()


def spin(a):
    a.stick()
    while True:
        pass


def spin_fd(a):
    """Reads end of file from an in-process pair, for ever."""
    ours, theirs = socket.socketpair()
    theirs.close()
    a.stick()
    while True:
        ours.recv(1)


def recv(a, peer):
    """Asks peer over a plain blocking socket, and waits for the answer."""
    if peer not in a.conns:
        call_plain(a, peer)
    s = a.conns[peer].sock
    s.setblocking(True)
    a.stick()
    while True:
        s.recv(1)


def recv_outside(a, key):
    """Waits for a server that is not of this tree."""
    with open(a.world.file("outside." + key)) as f:
        host, port = f.read().split()
    s = dial((host, int(port)))
    s.sendall(b"GET /\r\n\r\n")
    a.stick()
    s.recv(1)


def poll(a, peer):
    """As recv, but with a timeout, which turns the call into poll."""
    if peer not in a.conns:
        call_plain(a, peer)
    s = a.conns[peer].sock
    s.settimeout(FOREVER)
    a.stick()
    s.recv(1)


def push(a, peer):
    """A blocking send that the peer does not take."""
    s = a.conns[peer].sock
    s.setblocking(True)
    a.stick()
    while True:
        s.send(b'{"data": "' + b"x" * 4083 + b'"}\n')


def connect(a, peer):
    """Connects to a UNIX listener until its backlog is full."""
    addr = a.world.lookup(peer)["addr"]
    a.stick()
    while True:
        a.kept.append(dial(addr))


def accept(a):
    """Waits for somebody to connect to a listener that nobody knows."""
    s, _ = listen("tcp", a.name, a.world.file("s"))
    a.stick()
    s.accept()


def read_pipe(a, key):
    r = a.pipes[key][0]
    a.stick()
    while True:
        os.read(r, 1)


def write_pipe(a, key):
    w = a.pipes[key][1]
    a.stick()
    while True:
        os.write(w, b"x" * 4096)


def log_forever(a):
    """Prints until the pipe behind fd 1 is full."""
    a.stick()
    while True:
        os.write(1, b"INFO still here, all is well, nothing to see\n" * 50)


def fifo(a, key):
    path = a.world.file(key)
    if not os.path.exists(path):
        os.mkfifo(path)
    a.stick()
    open(path, "rb")


def flock(a, key):
    f = open(a.world.file(key), "w")
    a.stick()
    fcntl.flock(f, fcntl.LOCK_EX)


def posix_lock(a, key):
    f = open(a.world.file(key), "w")
    a.stick()
    fcntl.lockf(f, fcntl.LOCK_EX)


def ofd_lock(a, key):
    """Waits for a lock that belongs to an open file, not to a process."""
    f = open(a.world.file(key), "w")
    a.stick()
    fcntl.fcntl(f, F_OFD_SETLKW, WHOLE_FILE)


def wait(a, name, *argv):
    """Runs a program and waits for its end, on the loop's own thread."""
    kid = a.kids.get(name)
    if kid is None:
        kid = a.kids[name] = subprocess.Popen(argv, env=dict(os.environ))
        a.world.register(name, pid=kid.pid)
    a.stick()
    os.waitpid(kid.pid, 0)


def vfork(a, key):
    """posix_spawn whose child blocks before its exec: the parent sleeps uninterruptibly."""
    path = a.world.file(key)
    os.mkfifo(path)
    a.stick()
    os.posix_spawn("/bin/true", ["true"], dict(os.environ),
                   file_actions=[(os.POSIX_SPAWN_OPEN, 0, path, os.O_RDONLY, 0)])


def forked_lock(a, name):
    """A lock held by a thread is copied in its locked state into a forked child."""
    lock = threading.Lock()
    held = threading.Event()

    def holder():
        with lock:
            held.set()
            time.sleep(FOREVER)
    threading.Thread(target=holder, daemon=True).start()
    held.wait()
    pid = os.fork()
    if pid == 0:
        lock.acquire()
        os._exit(0)
    a.world.register(name, pid=pid)
    a.stick()
    os.waitpid(pid, 0)


def pause(a):
    a.stick()
    signal.pause()


def sigwait(a):
    a.stick()
    signal.sigwait([signal.SIGUSR2])


def eventfd(a):
    fd = os.eventfd(0)
    a.stick()
    os.read(fd, 8)


def sem(a):
    """A System V semaphore that nobody raises."""
    libc = ctypes.CDLL(None, use_errno=True)
    sid = libc.semget(0, 1, 0o600)
    with open(a.world.file("ipc.sem"), "w") as f:
        f.write(str(sid))
    op = (ctypes.c_short * 3)(0, -1, 0)
    a.stick()
    while True:
        libc.semop(sid, op, 1)


def inotify(a):
    libc = ctypes.CDLL(None, use_errno=True)
    fd = libc.inotify_init()
    a.stick()
    os.read(fd, 4096)


def write_terminal(a, key):
    """A terminal whose other side nobody reads."""
    fd = os.open(_terminal(a, key), os.O_RDWR)
    a.stick()
    while True:
        os.write(fd, b"still here\n" * 100)


def _terminal(a, key):
    with open(a.world.file("terminal." + key)) as f:
        return f.read()


def debugger(a, key):
    """A person looks at this actor with pdb."""
    import pdb
    fd = os.open(_terminal(a, key), os.O_RDWR)
    for n in (0, 1, 2):
        os.dup2(fd, n)
    sys.stdin, sys.stdout = open(0, closefd=False), open(1, "w", closefd=False)
    a.stick()
    pdb.set_trace()
    print("the person went on")


def select_forever(a):
    a.stick()
    select.select([], [], [])


def check_output(a, name):
    """As subprocess.check_output of a script that leaves a service behind: the service keeps the script's stdout."""
    kid = subprocess.Popen(["sh", "-c", "sleep 100000 & echo $!"], stdout=subprocess.PIPE, env=dict(os.environ))
    a.world.register("script", pid=kid.pid)
    a.world.register(name, pid=int(kid.stdout.readline()))
    a.stick()
    kid.stdout.read()
    kid.wait()


def shared_lock(a, key):
    """Waits for a multiprocessing.Lock."""
    import _multiprocessing
    with open(a.world.file("shared." + key)) as f:
        name = f.read()
    lock = _multiprocessing.SemLock._rebuild(0, 1, 1, name)
    _multiprocessing.sem_unlink(name)
    a.stick()
    lock.acquire()


def join_before_drain(a, name):
    """Joins a worker before its queue is read: it can't end until its feeder thread has written everything."""
    import multiprocessing
    ctx = multiprocessing.get_context("fork")
    q = ctx.Queue()
    kid = ctx.Process(target=q.put, args=("x" * 1_000_000,))
    kid.start()
    a.world.register(name, pid=kid.pid)
    a.stick()
    kid.join()
    q.get()


def extension(a):
    """A thread in an extension which does not release the interpreter's lock around a blocking call."""
    libc = ctypes.PyDLL(None)
    a.stick()
    threading.Thread(target=libc.sleep, args=(FOREVER,), daemon=True).start()
    while True:
        a.loop.turn()


def hold_interpreter(a):
    """A regular expression that backtracks for ever in a thread: C code that never lets the interpreter go."""
    import re
    a.stick()
    threading.Thread(target=lambda: re.match(r"(a+)+$", "a" * 64 + "b"), daemon=True).start()
    while True:
        a.loop.turn()


def ignore(a, peer):
    """A loop that turns, writes to all others, and reads nothing: level-triggered, it wakes at once for peer's bytes."""
    sock = a.conns[peer].sock
    a.loop.epoll.modify(sock.fileno(), select.EPOLLIN)
    others = [c for name, c in a.conns.items() if name != peer]
    a.stick()
    due = 0.0
    while True:
        a.loop.epoll.poll(0.02)
        if time.monotonic() >= due:
            due = time.monotonic() + 0.02
            for c in others:
                c.send(data="x" * 200)


def syslog(a, key):
    """Logs to a datagram socket, as to /dev/log, until its queue is full."""
    s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    s.connect(a.world.file("log." + key))
    a.stick()
    while True:
        s.send(b"<14>alpha: still here, all is well, nothing to see")


def no_descriptors(a):
    """EMFILE: the loop lives, accept fails, and as asyncio does it the listener is left alone for a second."""
    fd = a.listener.fileno()

    def accept():
        try:
            sock, _ = a.listener.accept()
        except OSError:
            a.loop.epoll.unregister(fd)
            paused.append(fd)
            return None
        a.adopt(Conn(sock))
        return IN

    def retry():
        while paused:
            a.loop.add(paused.pop(), accept)
    paused = []
    a.loop.handlers[fd] = accept
    a.loop.every(1.0, retry)
    a.stick()
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256))
    while True:
        try:
            a.kept.append(os.open(os.devnull, os.O_RDONLY))
        except OSError:
            break
    while True:
        a.loop.turn()


def loop_in_thread(a):
    """The loop runs in a second thread, and the main one waits for its end."""
    def run():
        while True:
            a.loop.turn()
    t = threading.Thread(target=run)
    a.loop.every(1.0, lambda: None)
    t.start()
    a.stick()
    t.join()
