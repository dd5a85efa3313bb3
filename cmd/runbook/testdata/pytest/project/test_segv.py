import os
import signal


def test_dies():
    os.kill(os.getpid(), signal.SIGSEGV)
