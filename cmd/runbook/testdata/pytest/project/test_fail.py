import pytest


@pytest.fixture
def broken():
    raise RuntimeError("no such thing")


@pytest.fixture
def untidy():
    yield
    raise RuntimeError("cannot tidy up")


def test_wrong():
    assert 1 == 2


def test_setup(broken):
    pass


def test_teardown(untidy):
    pass


def test_right():
    pass
