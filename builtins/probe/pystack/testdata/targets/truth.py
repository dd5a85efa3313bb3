"""What a program says of itself: the truth with which a reader is compared.

say_later(tasks, waits) prints one line of JSON when the program has come to rest:
the frames of each thread by its kernel id, innermost first, and of each task its
path in the tree of tasks and its await chain, outermost first. A frame is
[qualified name, file, line]. waits says of tasks by name what they wait for, and
whether they were cancelled.
"""
import gc
import json
import sys
import threading
import time


def frame_of(f):
    code = f.f_code
    return [getattr(code, "co_qualname", code.co_name), code.co_filename, f.f_lineno]


def stacks():
    tids = {t.ident: t.native_id for t in threading.enumerate()}
    out = {}
    for ident, f in sys._current_frames().items():
        frames = []
        while f:
            frames.append(frame_of(f))
            f = f.f_back
        out[tids[ident]] = frames
    return out


def chain(c):
    """The frames from a coroutine down to the innermost one that it awaits."""
    out = []
    while c is not None:
        if type(c).__name__ in ("async_generator_asend", "async_generator_athrow"):
            c = [x for x in gc.get_referents(c) if type(x).__name__ == "async_generator"][0]
        f = getattr(c, "cr_frame", None) or getattr(c, "gi_frame", None) or getattr(c, "ag_frame", None)
        if f is None:
            break
        out.append(frame_of(f))
        c = getattr(c, "cr_await", None) or getattr(c, "gi_yieldfrom", None) or getattr(c, "ag_await", None)
    return out


def trio_tasks(root):
    """All tasks below root, each by the names from the root down."""
    out = []

    def walk(task, above):
        path = above + "/" + task.name
        out.append({"path": path, "chain": chain(task.coro)})
        for nursery in task.child_nurseries:
            for child in nursery.child_tasks:
                walk(child, path)

    walk(root, "")
    return out


def say_later(tasks, waits=None):
    """Says it from a thread of its own, which is left out of the comparison."""

    def speak():
        time.sleep(0.4)
        me = threading.current_thread().native_id
        print(json.dumps({"threads": stacks(), "tasks": tasks(), "waits": waits, "me": me}), flush=True)
        time.sleep(1000)

    threading.Thread(target=speak, name="truth", daemon=True).start()
