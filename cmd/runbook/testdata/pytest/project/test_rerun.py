"""Fails at first, and passes when pytest-rerunfailures runs it again."""

import pytest
from test_flaky import pattern


def test_call():
    assert pattern("CALL", "fp") == "p"


@pytest.fixture
def ready():
    if pattern("SETUP", "fp") == "f":
        raise OSError("not up yet")


def test_setup(ready):
    pass


def test_steady():
    pass


def test_never():
    assert False
