"""Calls one function bare, between tripwires, and says what came of it.

argv: the call ("module:function('a', 1)"), the runner, the limit in seconds, and
two files: "said", which is written when the last word is said, and "seen", for
which it then waits, so that somebody can look at the process from outside. A
file "said.call" says that the call has begun.
"""

import ast
import importlib
import importlib.util
import inspect
import os
import resource
import socket
import sys
import threading
import time

STARTS = {
    "subprocess.Popen": lambda a: "starts %s" % command(a[1] if len(a) > 1 and a[1] else a[0]),
    "os.system": lambda a: "starts %s" % command(a[0]),
    "os.fork": lambda a: "forks",
    "os.forkpty": lambda a: "forks",
    "os.exec": lambda a: "becomes %s" % command(a[1] if len(a) > 1 else a[0]),
    "os.posix_spawn": lambda a: "starts %s" % command(a[1] if len(a) > 1 else a[0]),
    "pty.spawn": lambda a: "starts %s" % command(a[0]),
}
LINKS = {
    "socket.bind": ("listener", lambda a: "binds %s" % address(a[1])),
    "socket.listen": ("listener", lambda a: "listens"),
    "socket.connect": ("connection", lambda a: "connects to %s" % address(a[1])),
    # A datagram leaves without a connection, and so does the question for a name.
    "socket.sendto": ("connection", lambda a: "sends to %s" % address(a[1])),
    "socket.sendmsg": ("connection", lambda a: "" if a[1] is None else "sends to %s" % address(a[1])),
    "socket.getaddrinfo": ("connection", lambda a: looked_up(a[0])),
    "socket.gethostbyname": ("connection", lambda a: looked_up(a[0])),
    "socket.gethostbyaddr": ("connection", lambda a: "looks up the name of %s" % text(a[0])),
    "socket.getnameinfo": ("connection", lambda a: "looks up the name of %s" % address(a[0])),
}
# Functions of the C library that ctypes may be asked for, and what they do.
FOREIGN = dict([(n, "child") for n in "fork vfork clone clone3 system popen posix_spawn posix_spawnp execl execle execlp execv execve execvp execvpe fexecve forkpty syscall".split()] +
               [(n, "connection") for n in "connect sendto sendmsg sendmmsg getaddrinfo gethostbyname gethostbyname_r".split()] +
               [(n, "listener") for n in "bind listen".split()])
# Loops, and what stands between a program and the system: no frame of these says
# where the user's code stood.
PLUMBING = ("trio", "asyncio", "outcome", "concurrent", "anyio", "sniffio", "async_generator", "contextlib", "threading", "subprocess", "multiprocessing",
            "socket", "selectors", "os", "pty")

CALL, RUNNER, LIMIT, SAID, SEEN = sys.argv[1], sys.argv[2], float(sys.argv[3]), sys.argv[4], sys.argv[5]
ME, MAIN = os.getpid(), threading.get_ident()
sleep, clock, leave = time.sleep, time.monotonic, os._exit  # the target may replace them
last_word = threading.Lock()
word = {"outcome": "", "runner": "", "exception": None, "value": "", "took": 0.0, "tripped": [], "reaped": False,
        "children": [], "sockets": [], "async": False}
state = {"phase": "import", "began": 0.0}


def command(words):
    if isinstance(words, (list, tuple)):
        return " ".join(text(w) for w in words)[:200]
    return text(words)[:200]


def text(value):
    return os.fsdecode(value) if isinstance(value, (bytes, os.PathLike)) else str(value)


def address(value):
    if isinstance(value, tuple) and len(value) >= 2:
        return "%s:%s" % (("[%s]" if ":" in str(value[0]) else "%s") % value[0], value[1])
    value = text(value)
    return "@" + value[1:] if value.startswith("\0") else value


def looked_up(host):
    """Returns what is looked up; "" for an address, which is none."""
    if not host:
        return ""
    host = text(host)
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(family, host.partition("%")[0])
            return ""
        except OSError:
            pass
    return "looks up %s" % host


OURS = os.path.dirname(os.path.abspath(__file__)) + os.sep
LIBRARY = os.path.dirname(os.__file__) + os.sep


def rank(file, module):
    """Returns how little a frame says of the user's code: 0 it is that, 1 an installed package, 2 plumbing, 3 ours."""
    if file == "bare.py" or file.startswith((OURS, "<frozen")):
        return 3
    if module.split(".")[0] in PLUMBING or "importlib" in module:
        return 2
    return 1 if file.startswith(LIBRARY) or "site-packages" in file else 0


def best(frames):
    """Returns, of (file, line, module), the first of the best rank as file:line, and that rank; "" when none says where."""
    ranked = [(rank(f, m), "%s:%d" % (f, n)) for f, n, m in frames]
    at = min((r for r, _ in ranked), default=3)
    return next(("%s" % p for r, p in ranked if r == at and r < 2), ""), at


def above(frame):
    while frame is not None:
        yield frame.f_code.co_filename, frame.f_lineno, frame.f_globals.get("__name__", "") or ""
        frame = frame.f_back


def awaited(coroutine):
    """Returns the frames of a coroutine and of what it awaits, innermost first."""
    frames = []
    while coroutine is not None and len(frames) < 100:
        frame = getattr(coroutine, "cr_frame", None) or getattr(coroutine, "gi_frame", None)
        if frame is not None:
            frames.insert(0, (frame.f_code.co_filename, frame.f_lineno, frame.f_globals.get("__name__", "") or ""))
        coroutine = getattr(coroutine, "cr_await", None) or getattr(coroutine, "gi_yieldfrom", None)
    return frames


def trip(kind, what, frame):
    if os.getpid() != ME:
        return
    frames = list(above(frame))
    if state["phase"] == "import" and rank(*[(f, m) for f, _, m in frames if rank(f, m) != 2][0]) > 0:
        return  # what a library does when it is imported, such as to look for another one
    if best(frames)[1] > 0:  # another task's: where the call itself waits says more
        frames += awaited(state.get("coroutine"))
        if threading.get_ident() != MAIN:
            frames += above(sys._current_frames().get(MAIN))
    word["tripped"].append({"phase": state["phase"], "kind": kind, "text": what, "where": best(frames)[0]})
    if state["phase"] == "call":
        finish("tripped")  # at once: nothing of it happens, and nobody else's stack is touched


def watch():
    def hook(event, args):
        if event in STARTS:
            trip("child", STARTS[event](args), sys._getframe(1))
        elif event in LINKS:
            kind, says = LINKS[event]
            what = says(args)
            if what:
                trip(kind, what, sys._getframe(1))
        elif event == "ctypes.dlsym" and args[1] in FOREIGN and state["phase"] == "call":
            trip(FOREIGN[args[1]], "asks ctypes for %s" % args[1], sys._getframe(1))

    sys.addaudithook(hook)
    # multiprocessing starts programs past the audit events.
    import _posixsubprocess
    fork_exec = _posixsubprocess.fork_exec

    def watched(args, *more):
        trip("child", "starts %s" % command(args), sys._getframe(1))
        return fork_exec(args, *more)

    _posixsubprocess.fork_exec = watched


def children():
    try:
        with open("/proc/self/task/%d/children" % ME) as f:
            return [int(pid) for pid in f.read().split()]
    except (OSError, ValueError):
        return []


def sockets():
    out = []
    try:
        for fd in os.listdir("/proc/self/fd"):
            try:
                link = os.readlink("/proc/self/fd/" + fd)
            except OSError:
                continue
            if link.startswith("socket:["):
                out.append(int(link[8:-1]))
    except OSError:
        pass
    return out


def reaped():
    """Returns a number that grows with each child that has ended and been waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_minflt + used.ru_majflt


def finish(outcome, exception=None):
    """Says the last word, waits to be looked at, and leaves. The first to come is the only one."""
    took = clock() - state["began"] if state["began"] else 0.0
    if not last_word.acquire(blocking=False):
        sleep(60)  # another thread is about to leave
    word["outcome"], word["took"] = outcome, took
    if exception is not None:
        word["exception"] = exception
    if state["began"]:
        word["reaped"] = reaped() > state["reaped"]
    state["phase"] = "end"
    answer(word)  # noqa: F821
    if state["began"]:
        with open(SAID + ".part", "w") as f:
            f.write(str(ME))
        os.replace(SAID + ".part", SAID)
        until = clock() + 10
        while not os.path.exists(SEEN) and clock() < until:
            sleep(0.005)
    sys.stdout.flush()
    sys.stderr.flush()
    leave(0)


def too_long():
    frames = awaited(state.get("coroutine")) or list(above(sys._current_frames().get(MAIN)))
    finish("too-long", {"type": "", "bases": [], "text": "", "traceback": "", "where": best(frames)[0]})


def describe(error):
    """Returns an exception; of a group of one, that one."""
    groups = 0
    while isinstance(getattr(error, "exceptions", None), (tuple, list)) and len(error.exceptions) == 1:
        error, groups = error.exceptions[0], groups + 1
    told = problem(error)  # noqa: F821
    bases = [c.__name__ if c.__module__ == "builtins" else c.__module__ + "." + c.__qualname__ for c in type(error).__mro__[:-1]]
    place = "%s:%d" % (told["file"], told["line"]) if isinstance(error, SyntaxError) and told["line"] else ""
    place = place or best([(f.tb_frame.f_code.co_filename, f.tb_lineno, f.tb_frame.f_globals.get("__name__", "")) for f in raised(error)])[0]
    return {"type": told["type"], "bases": bases, "text": told["text"][:4000], "traceback": told["traceback"][-8000:], "where": place, "groups": groups}


def raised(error):
    """Returns the tracebacks of an exception, the innermost first."""
    out, at = [], error.__traceback__
    while at is not None:
        out.insert(0, at)
        at = at.tb_next
    return out


class BadCall(Exception):
    pass


def parse(call):
    """Takes module:name(arguments) apart. Arguments are literals; nothing is evaluated."""
    module, colon, rest = call.partition(":")
    if not colon or not module.strip() or not rest.strip():
        raise BadCall("want module:function(arguments), such as pkg.mod:spawn('kucoin')")
    if "(" not in rest:
        rest += "()"
    try:
        tree = ast.parse(rest.strip(), mode="eval").body
    except (SyntaxError, ValueError) as e:
        raise BadCall("%s is no call: %s" % (rest.strip(), getattr(e, "msg", e)))
    if not isinstance(tree, ast.Call):
        raise BadCall("%s is no call" % rest.strip())
    names, at = [], tree.func
    while isinstance(at, ast.Attribute):
        names.insert(0, at.attr)
        at = at.value
    if not isinstance(at, ast.Name):
        raise BadCall("%s: want a name before the arguments" % rest.strip())
    names.insert(0, at.id)

    def literal(node):
        try:
            return ast.literal_eval(node)
        except ValueError:
            part = ast.get_source_segment(rest.strip(), node) or "an argument"
            raise BadCall("%s is no literal: arguments are numbers, texts, tuples, lists, dicts, sets, True, False, None; nothing is evaluated" % part)

    if any(isinstance(a, ast.Starred) for a in tree.args) or any(k.arg is None for k in tree.keywords):
        raise BadCall("* and ** are not taken: write the arguments out")
    return module.strip(), names, [literal(a) for a in tree.args], {k.arg: literal(k.value) for k in tree.keywords}


def load(module):
    if module.endswith(".py"):
        folder, name = os.path.split(os.path.abspath(module))
        sys.path.insert(0, folder)
        if not os.path.exists(module):
            raise BadCall("%s: no such file" % module)
        module = name[:-3]
    return importlib.import_module(module)


async def taken(value):
    """Waits for what a call returned: a coroutine, or an async context manager, which is entered."""
    if inspect.isawaitable(value):
        return await value
    async with value as inner:
        return inner


def waits(value):
    return inspect.isawaitable(value) or hasattr(value, "__aenter__")


def choose(fn):
    if not (inspect.iscoroutinefunction(fn) or hasattr(fn, "__wrapped__") and (inspect.isasyncgenfunction(fn.__wrapped__) or inspect.iscoroutinefunction(fn.__wrapped__))):
        return "sync"
    return "trio" if "trio" in sys.modules else "asyncio"


def call(fn, args, kwargs, runner):
    """Calls fn under the runner."""
    if runner == "sync":
        value = fn(*args, **kwargs)
        if waits(value):
            word["async"] = True
            if inspect.iscoroutine(value):
                value.close()
        return value

    async def main():
        value = fn(*args, **kwargs)
        if not waits(value):
            return value
        state["coroutine"] = taken(value)
        return await state["coroutine"]

    if runner == "trio":
        import trio
        return trio.run(main)
    import asyncio
    return asyncio.run(main())


def main():
    try:
        module, names, args, kwargs = parse(CALL)
    except BadCall as e:
        finish("bad-call", {"type": "", "bases": [], "text": str(e), "traceback": "", "where": ""})
    watch()
    try:
        target = load(module)
        if RUNNER in ("trio", "asyncio"):
            importlib.import_module(RUNNER)
    except BadCall as e:
        finish("bad-call", {"type": "", "bases": [], "text": str(e), "traceback": "", "where": ""})
    except BaseException as e:
        missing = isinstance(e, ModuleNotFoundError) and e.name == RUNNER and "target" in locals()
        finish("no-runner" if missing else "import-failed", describe(e))
    for i, name in enumerate(names):
        try:
            target = getattr(target, name)
        except AttributeError:
            finish("no-function", {"type": "", "bases": [], "text": "%s has no %s" % (".".join([module] + names[:i]), name), "traceback": "", "where": ""})
    if not callable(target):
        finish("no-function", {"type": "", "bases": [], "text": "%s is no function" % ".".join([module] + names), "traceback": "", "where": ""})
    runner = word["runner"] = choose(target) if RUNNER == "auto" else RUNNER
    word["children"], word["sockets"] = children(), sockets()
    with open(SAID + ".call", "w"):
        pass
    timer = threading.Timer(LIMIT, too_long)
    timer.daemon = True
    timer.start()
    state.update(phase="call", began=clock(), reaped=reaped())
    try:
        value = call(target, args, kwargs, runner)
    except BaseException as e:
        state["phase"] = "told"
        finish("raised", describe(e))
    state["phase"] = "told"
    word["value"] = repr(value)[:200]
    finish("returned")


main()
