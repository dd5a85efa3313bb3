"""Replaces the command line that /proc shows, as setproctitle does."""
import ctypes
import os

PR_SET_NAME = 15


def set_title(text):
    """Writes text over argv and pads with NUL; the environment behind it is wiped too."""
    with open("/proc/self/stat", "rb") as f:
        fields = f.read().rsplit(b")", 1)[1].split()
    arg_start, arg_end, env_start, env_end = (int(x) for x in fields[45:49])
    raw = text.encode()
    # An interpreter may have been given a shorter command line than the title:
    # the kernel then reads on into the environment, which lies behind it.
    room = env_end - arg_start
    raw = raw[: room - 1]
    ctypes.memset(arg_start, 0, room)
    ctypes.memmove(arg_start, raw, len(raw))
    ctypes.CDLL(None).prctl(PR_SET_NAME, raw[:15] + b"\0", 0, 0, 0)
