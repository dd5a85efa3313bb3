import threading

import pytest


@pytest.fixture(scope="session")
def server():
    yield
    threading.Event().wait()


def test_uses(server):
    pass
