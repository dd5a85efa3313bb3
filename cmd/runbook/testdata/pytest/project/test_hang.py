import threading


def test_before():
    pass


def test_stuck():
    threading.Event().wait()


def test_after():
    pass
