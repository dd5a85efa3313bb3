"""What an actor can be told and return from: its loop lives on."""
import ctypes
import fcntl
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time

from loop import IN, Conn, dial

F_OFD_SETLK, F_OFD_SETLKW = 37, 38
WHOLE_FILE = struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)


def deaf(a, peer="parent"):
    """The task that reads peer is gone or parked: nobody arms the socket again."""
    conn = a.conns[peer]
    conn.deaf = True
    a.loop.arm(conn.fd, a._wants(conn))


def pause_reading(a, peer="parent"):
    """As asyncio's transports do it: the descriptor leaves the interest set altogether."""
    a.loop.epoll.unregister(a.conns[peer].fd)


def deaf_listener(a):
    a.loop.arm(a.listener.fileno(), 0)


def deaf_wakeup(a):
    """Signals still write into the self-pipe, but no task drains it."""
    fd = a.loop.wakeup.fileno()
    a.loop.arm(fd, 0)
    try:
        while True:
            a.loop.wakeup_w.send(b"\x0f" * 512)
    except BlockingIOError:
        pass


def keep_eof(a, peer="parent"):
    a.conns[peer].keep_eof = True


def send(a, peer, n):
    """Sends n bytes of whole messages; the kernel must take them all."""
    conn, n = a.conns[peer], int(n)
    while n > 0:
        k = min(n, 4096)
        conn.sock.sendall(b"{}".ljust(k - 1) + b"\n")
        n -= k


def half_frame(a, peer):
    """A message that never ends: the reader takes what there is and waits, armed."""
    a.conns[peer].sock.sendall(b'{"data": "0123')


def flood(a, peer):
    """Sends until the kernel takes no more; then one task waits to write."""
    conn = a.conns[peer]
    try:
        while True:
            conn.sock.send(b'{"data": "' + b"x" * 4083 + b'"}\n')
    except BlockingIOError:
        pass
    conn.flooding = True
    a.loop.arm(conn.fd, a._wants(conn))


def call(a, peer):
    """Dials peer's listener and says who we are: a portal."""
    conn = Conn(dial(a.world.lookup(peer)["addr"]), peer)
    a.adopt(conn).send(hello=a.name)


def call_plain(a, peer):
    """As call, but outside the loop: the socket is for blocking calls."""
    conn = Conn(dial(a.world.lookup(peer)["addr"]), peer)
    conn.sock.setblocking(True)
    conn.send(hello=a.name)
    a.conns[peer] = conn


def heard_of(a, peer):
    """Waits until peer's hello has come."""
    while peer not in a.conns:
        a.loop.turn(0.02)


def hang_up(a, peer):
    conn = a.conns.pop(peer)
    a.loop.handlers.pop(conn.fd, None)
    conn.sock.close()


def ask_often(a, peer, ms):
    """A healthy conversation: a request each ms, answered at once."""
    conn = a.conns[peer]
    a.loop.every(float(ms) / 1000, lambda: conn.send(ask=time.monotonic()))


def feed(a, peer, size, ms):
    """A stream of messages; its reader keeps up, more or less."""
    conn, body = a.conns[peer], "x" * int(size)

    def push():
        try:
            conn.send(data=body)
        except OSError:
            pass
    a.loop.every(float(ms) / 1000, push)


def slow(a, peer, ms):
    """Each message takes a while, so that the queue is rarely empty."""
    a.conns[peer].slow = float(ms) / 1000


def take_now_and_then(a, peer, seconds):
    """A task that takes a little and sleeps: its loop idles meanwhile, and nobody waits to read."""
    deaf(a, peer)
    a.loop.every(float(seconds), lambda: a.conns[peer].sock.recv(100))


def take_by_timerfd(a, peer, seconds):
    """As take_now_and_then, but what wakes the loop is a descriptor in its set that a timer makes readable."""
    libc = ctypes.CDLL(None)
    fd, every = libc.timerfd_create(time.CLOCK_MONOTONIC, 0), int(seconds)
    libc.timerfd_settime(fd, 0, struct.pack("llll", every, 0, every, 0), None)

    def expired():
        os.read(fd, 8)
        a.conns[peer].sock.recv(100)
        return IN
    deaf(a, peer)
    a.loop.add(fd, expired)


def take_by_alarm(a, peer, seconds):
    """A handler of SIGALRM takes a little; the loop is woken by nothing."""
    signal.signal(signal.SIGALRM, lambda *_: a.conns[peer].sock.recv(100))
    signal.setitimer(signal.ITIMER_REAL, float(seconds), float(seconds))
    deaf(a, peer)


def take_in_thread(a, peer, seconds):
    """A thread takes a little and sleeps; the loop never hears of it."""
    def take():
        while True:
            time.sleep(float(seconds))
            a.conns[peer].sock.recv(100)
    deaf(a, peer)
    threading.Thread(target=take, daemon=True).start()


def fill_own_pair(a):
    """A pair of sockets for work of its own, full, whose reader takes its time: nothing of the loop's."""
    a.pair = socket.socketpair()
    a.pair[0].setblocking(False)
    try:
        while True:
            a.pair[0].send(b"x" * 4096)
    except BlockingIOError:
        pass


def hold_flock(a, key):
    f = open(a.world.file(key), "w")
    fcntl.flock(f, fcntl.LOCK_EX)
    a.kept.append(f)


def hold_fcntl(a, key):
    f = open(a.world.file(key), "w")
    fcntl.lockf(f, fcntl.LOCK_EX)
    a.kept.append(f)


def hold_ofd(a, key):
    """A lock of the open file: /proc/locks names no process for it."""
    f = open(a.world.file(key), "w")
    fcntl.fcntl(f, F_OFD_SETLK, WHOLE_FILE)
    a.kept.append(f)


def leave_flock(a, key, name, *argv):
    """Locks, starts a program that inherits the file, and closes it: the program holds the lock now."""
    with open(a.world.file(key), "w") as f:
        fcntl.flock(f, fcntl.LOCK_EX)
        kid = subprocess.Popen(argv, env=dict(os.environ), pass_fds=[f.fileno()])
    a.kept.append(kid)
    a.world.register(name, pid=kid.pid)


def touch_lock_often(a, key, ms):
    """Takes and gives back a lock all the time."""
    f = open(a.world.file(key), "w")
    a.kept.append(f)

    def turn():
        fcntl.flock(f, fcntl.LOCK_EX)
        time.sleep(0.002)
        fcntl.flock(f, fcntl.LOCK_UN)
    a.loop.every(float(ms) / 1000, turn)


def run_often(a, ms):
    """Short programs, each waited for: the loop blocks for moments only."""
    a.loop.every(float(ms) / 1000, lambda: subprocess.run(["sleep", "0.02"]))


def compute(a, ms):
    """Work on the loop's own thread in short slices: CPU, but it comes back to read."""
    def work():
        until = time.monotonic() + float(ms) / 1000
        while time.monotonic() < until:
            pass
    a.loop.every(0.001, work)


def park_threads(a, n):
    """Worker threads that wait for work, as a thread pool's do."""
    gate = threading.Event()
    for i in range(int(n)):
        threading.Thread(target=gate.wait, daemon=True, name=f"worker {i}").start()
    a.kept.append(gate)


def work_in_thread(a):
    """A long job in a worker thread; the loop lives."""
    def job():
        while True:
            time.sleep(30)
    threading.Thread(target=job, daemon=True).start()


def burn_in_thread(a):
    """A job that computes outside the interpreter's lock."""
    import hashlib

    def job():
        block = b"x" * (1 << 20)
        while True:
            hashlib.sha256(block).digest()
    threading.Thread(target=job, daemon=True).start()


def program(a, name, *argv):
    """Starts a program that is no actor. The loop does not wait for it."""
    kid = subprocess.Popen(argv, env=dict(os.environ))
    a.kept.append(kid)
    a.kids[name] = kid
    a.world.register(name, pid=kid.pid)


def program_with_pipe(a, name, end, key, *argv):
    """Starts a program that holds only one end ("r" or "w") of a pipe, as its fd 0 or 1; we keep the other end."""
    r, w = a.pipes[key]
    if end == "r":
        kid = subprocess.Popen(argv, env=dict(os.environ), stdin=r)
        os.close(r)
        a.pipes[key][0] = -1
    else:
        kid = subprocess.Popen(argv, env=dict(os.environ), stdout=w)
        os.close(w)
        a.pipes[key][1] = -1
    a.kept.append(kid)
    a.world.register(name, pid=kid.pid)


def pipe(a, key):
    a.pipes[key] = list(os.pipe())
    a.world.write("pipe." + key, f"{os.getpid()} {a.pipes[key][0]} {a.pipes[key][1]}")


def take_pipe(a, key, end):
    """Opens one end of somebody else's pipe."""
    with open(a.world.file("pipe." + key)) as f:
        pid, r, w = f.read().split()
    mine = a.pipes.setdefault(key, [-1, -1])
    if end == "r":
        mine[0] = os.open(f"/proc/{pid}/fd/{r}", os.O_RDONLY)
    else:
        mine[1] = os.open(f"/proc/{pid}/fd/{w}", os.O_WRONLY)


def drop_pipe(a, key, end):
    i = "rw".index(end)
    os.close(a.pipes[key][i])
    a.pipes[key][i] = -1


def part_fill_pipe(a, key, n):
    os.write(a.pipes[key][1], b"x" * int(n))


def stdout_to(a, key):
    """fds 1 and 2 become the pipe's write end, and the only one that we hold."""
    w = a.pipes[key][1]
    os.dup2(w, 1)
    os.dup2(w, 2)
    os.close(w)
    a.pipes[key][1] = -1


def spawn(a, name, how=""):
    """Starts a late child. It is not waited for."""
    a.spawn(name, **({"RUNBOOK_BOOT": how} if how else {}))


def churn(a, name):
    """Boots short-lived children of that name again and again, and reaps them."""
    def turn():
        kid = a.kids.get(name)
        if kid is None or kid.poll() is not None:
            a.kids[name] = subprocess.Popen([sys.executable, "-c", "import json, socket, subprocess"])
    a.loop.every(0.05, turn)


def end(a):
    """Ends at once, and leaves it to the parent to notice."""
    a.done()
    os._exit(0)


def block_sigint(a):
    """Blocks SIGINT and has one pending."""
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    os.kill(os.getpid(), signal.SIGINT)


def reach_outside(a, key):
    """An idle connection to a server that is not of this tree."""
    with open(a.world.file("outside." + key)) as f:
        host, port = f.read().split()
    a.adopt(Conn(dial((host, int(port))), key))


def hold_shared_lock(a, key):
    """Holds a multiprocessing.Lock. It is a POSIX semaphore: the kernel knows no owner."""
    import _multiprocessing
    lock = _multiprocessing.SemLock(1, 1, 1, f"/rb-{os.getpid()}-{key}", False)
    lock.acquire()
    a.kept.append(lock)
    a.world.write("shared." + key, lock.name)


def log_daemon(a, key):
    """A datagram socket for everybody's log lines, whose reader is gone."""
    s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    s.bind(a.world.file("log." + key))
    a.kept.append(s)


def pool(a, n):
    """A pool of processes between two jobs: one worker reads the queue of jobs, the others wait for its lock."""
    import multiprocessing
    p = multiprocessing.get_context("fork").Pool(int(n))
    p.map(abs, range(100))
    a.kept.append(p)
