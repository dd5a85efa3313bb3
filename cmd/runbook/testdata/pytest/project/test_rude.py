"""What tests do to the process that they run in."""

import os
import subprocess
import sys
import time


def test_closes_what_it_does_not_know():
    """pytest holds descriptors too, but no other than we has one of a file called events."""
    for fd in os.listdir("/proc/self/fd"):
        try:
            if os.readlink("/proc/self/fd/" + fd).endswith("/events"):
                os.close(int(fd))
        except OSError:
            pass
    # The next files get its number: nothing may be written to them.
    global kept
    kept = [open(os.path.join(os.environ["COUNTERS"], "mine-%d" % i), "w+") for i in range(20)]


def test_file_is_untouched():
    for f in kept:
        assert os.path.getsize(f.name) == 0
        f.close()


def test_environment_is_untouched():
    ours = ["RUNBOOK_OWNER"]  # by which `runbook recover` finds who was left; all else is gone
    assert [name for name in os.environ if name.startswith("RUNBOOK")] == ours
    assert os.environ.get("PYTHONPATH") == os.environ.get("PYTHONPATH_BEFORE")
    code = "import os; print([n for n in os.environ if n.startswith('RUNBOOK')])"
    assert subprocess.check_output([sys.executable, "-c", code]) == b"['RUNBOOK_OWNER']\n"


def test_fork_tells_nothing():
    pid = os.fork()
    if pid == 0:
        sys.exit(7)  # a second pytest from here on, which runs what is left
    assert os.waitpid(pid, 0)[1] != 0


def test_clock_stands(monkeypatch):
    monkeypatch.setattr(time, "time", lambda: 0.0)
