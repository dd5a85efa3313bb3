"""Runs a script of ours in somebody's own interpreter, and hands its answers back.

argv: the script, the name that it has in tracebacks, the file for the answers,
and what the script gets as sys.argv[1:].

Stdout and stderr belong to what the script imports. The script finds three names:

    answer(value)   hands value back, as JSON; as often as it likes
    problem(error)  tells an exception in the words of Python, without the frames
                    of ours and of the import machinery
    leave()         is the end of the script: threads and exit hooks of others are
                    not waited for
"""

import json
import os
import signal
import sys
import traceback

# What is imported may replace these.
open_file, write_file, close_file, my_pid, leave_now = os.open, os.write, os.close, os.getpid, os._exit
encode = json.JSONEncoder(default=str).encode


def run(script, name, answers, args):
    """Runs the script, and tells how it began and how it failed."""

    def tell(**line):
        # Nothing stays open between two answers: a module may close all
        # descriptors, and a check may count them.
        data = encode(line).encode("ascii", "replace") + b"\n"
        fd = open_file(answers, os.O_WRONLY | os.O_APPEND)
        try:
            while data:
                data = data[write_file(fd, data):]
        finally:
            close_file(fd)

    library = os.path.dirname(os.__file__) + os.sep

    def is_ours(file):
        return file in (__file__, name) or file.startswith("<frozen ") or "/importlib/_bootstrap" in file or file.endswith("/importlib/__init__.py")

    def trim(told):
        """Takes our frames out of a traceback, and out of those that led to it."""
        seen, todo = set(), [told]
        while todo:
            one = todo.pop()
            if one is None or id(one) in seen:
                continue
            seen.add(id(one))
            one.stack = traceback.StackSummary.from_list([f for f in one.stack or [] if not is_ours(f.filename)])
            todo += [one.__cause__, one.__context__] + list(getattr(one, "exceptions", None) or [])

    def problem(error):
        told = traceback.TracebackException(type(error), error, error.__traceback__)
        trim(told)
        own = [f for f in told.stack if not f.filename.startswith(library) or "/site-packages/" in f.filename]
        last = (own or list(told.stack) or [None])[-1]
        file, line = (last.filename, last.lineno) if last else ("", 0)
        if isinstance(error, SyntaxError) and error.filename:
            file, line = error.filename, error.lineno or 0
        kind = type(error)
        return {
            "type": kind.__name__ if kind.__module__ == "builtins" else kind.__module__ + "." + kind.__qualname__,
            "text": str(error),
            "traceback": "".join(told.format()),
            "file": file,
            "line": line,
        }

    def leave():
        tell(done=True)
        leave_now(0)

    me = my_pid()
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as for what a shell starts with &
        signal.signal(signal.SIGINT, signal.default_int_handler)
    tell(pid=me, version="%d.%d.%d" % sys.version_info[:3], executable=sys.executable or "")
    with open(script, "rb") as f:
        source = f.read()
    sys.argv = [name] + args
    if sys.path and sys.path[0] == os.path.dirname(__file__):
        sys.path[0] = os.getcwd()  # as for -c and -m; python -I and -P put nothing there
    space = {"__name__": "__main__", "__file__": script, "answer": lambda value: tell(answer=value), "problem": problem, "leave": leave}
    try:
        exec(compile(source, name, "exec"), space)
    except BaseException as error:
        if my_pid() == me:  # and not a fork of the script
            tell(failure=problem(error))
        if isinstance(error, SystemExit):
            raise
        sys.exit(1)
    finally:
        if my_pid() == me:
            tell(done=True)


if __name__ == "__main__":
    run(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:])
