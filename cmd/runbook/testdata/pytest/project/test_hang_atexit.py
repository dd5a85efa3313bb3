import atexit
import threading


def test_fine():
    atexit.register(threading.Event().wait)
