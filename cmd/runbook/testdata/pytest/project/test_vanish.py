import os


def test_before():
    pass


def test_vanishes():
    os._exit(0)
