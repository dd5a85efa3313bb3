import pytest


def test_one():
    pass


@pytest.mark.parametrize("text", ["a b", "ünï", 'q"uote', "new\nline"])
def test_named(text):
    assert text


@pytest.mark.skip(reason="not today")
def test_skipped():
    pass


@pytest.mark.xfail(reason="known")
def test_expected():
    assert False


@pytest.mark.xfail(reason="was known")
def test_unexpected():
    pass
