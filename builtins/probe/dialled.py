"""Notes where a program dials and listens; runbook puts it before its boot.

Loaded as sitecustomize by every Python of the tree, which all inherit the
environment. Whoever has a sitecustomize of his own gets it, too.
"""

import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
WORDS = {"socket.connect": "connect", "socket.bind": "bind"}


def watch(log):
    def note(event, args):
        word = WORDS.get(event)
        if word is None or len(args) < 2:
            return
        address = args[1]
        if isinstance(address, tuple) and len(address) >= 2:
            host = str(address[0])
            address = "[%s]:%s" % (host, address[1]) if ":" in host else "%s:%s" % (host, address[1])
        elif isinstance(address, bytes):
            address = "@" + address.lstrip(b"\0").decode("utf-8", "replace")
        elif not isinstance(address, str):
            return
        if address.startswith("\0"):
            address = "@" + address[1:]
        line = "%d %s %s\n" % (os.getpid(), word, address.replace("\n", " "))
        try:  # one write a line, appended: processes do not cut each other's lines
            os.write(log, line.encode("utf-8", "replace"))
        except OSError:
            pass

    sys.addaudithook(note)


try:
    # A high number, so that the descriptors of the program stay the usual ones.
    import fcntl

    log = os.open(os.path.join(HERE, "dialled"), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    high = fcntl.fcntl(log, fcntl.F_DUPFD_CLOEXEC, 200)
    os.close(log)
    watch(high)
except (OSError, ImportError):
    pass

sys.path[:] = [p for p in sys.path if os.path.abspath(p or ".") != HERE]
sys.modules.pop("sitecustomize", None)
try:
    import sitecustomize  # noqa: F401
except ImportError:
    sys.modules["sitecustomize"] = type(sys)("sitecustomize")
