"""Interrupts itself; its directory has a configuration, so that its ids begin here."""


def test_first():
    pass


def test_stops():
    raise KeyboardInterrupt
