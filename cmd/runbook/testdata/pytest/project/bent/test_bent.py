"""Fails, and conftest.py makes 0 of the exit code."""

import pytest


@pytest.fixture
def broken():
    raise ValueError("no such thing")


def test_fails():
    assert 0


def test_errs(broken):
    pass
