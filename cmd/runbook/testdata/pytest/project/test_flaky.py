"""Fails and hangs by a count of its runs, which the test that runs it keeps."""

import os
import threading


def count(name):
    path = os.path.join(os.environ["COUNTERS"], name)
    with open(path, "a") as f:
        f.write(".")
    return os.path.getsize(path) - 1


def test_half():
    assert "f" not in pattern("HALF", "pf")


def test_third():
    if "h" in pattern("THIRD", "pphppphpph"):
        threading.Event().wait()


def pattern(name, default):
    """What the next letter of the pattern says."""
    letters = os.environ.get(name, default)
    return letters[count(name) % len(letters)]
