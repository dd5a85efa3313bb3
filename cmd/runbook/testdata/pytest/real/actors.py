"""What the actors of the tests do."""

import socket
import time

import tractor


async def echo(x):
    return x


async def raises():
    raise ValueError("in the actor")


async def sleeps():
    """A synchronous call on the loop's own thread."""
    time.sleep(1_000_000)


def tree(**kwargs):
    """A nursery of actors whose registry is nobody else's."""
    s = socket.socket()
    s.bind(("127.0.0.1", 0))
    addr = s.getsockname()
    s.close()
    return tractor.open_nursery(arbiter_addr=addr, **kwargs)
