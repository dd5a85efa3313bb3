"""A tree of real tractor actors, brought into one of several states.

app.py MODE: healthy, deaf, full, blocked, slept. The root is `root`; it has the
children alpha and beta, and beta has gamma. Facts go where the keeper looks.
"""
import json
import os
import socket
import sys
import threading
import time
from urllib.parse import quote

import tractor
import trio

LIVE = os.environ["RUNBOOK_LIVE"]


def write(name, text=""):
    tmp = os.path.join(LIVE, f".{name}.{os.getpid()}")
    with open(tmp, "w") as f:
        f.write(text)
    os.rename(tmp, os.path.join(LIVE, name))


def register(name):
    write("actor." + quote(name, safe=""), json.dumps({"name": name, "pid": os.getpid()}))


async def echo(x):
    return x


async def enrol(name):
    register(name)


@tractor.context
async def unread(ctx):
    """Opens a stream and reads none of it.

    The message loop of this actor delivers to the stream's queue and waits when
    that is full. It serves the whole connection, so the actor goes deaf.
    """
    await ctx.started()
    async with ctx.open_stream():
        write("opened")
        await trio.sleep_forever()


async def blocked():
    """A synchronous call on the loop's own thread."""
    write("opened")
    threading.Event().wait()


async def slept():
    write("opened")
    time.sleep(1_000_000)


async def nest():
    """What beta does: it has a child of its own."""
    async with tractor.open_nursery() as n:
        gamma = await n.start_actor("gamma", enable_modules=[__name__])
        await gamma.run(enrol, name="gamma")
        await trio.sleep_forever()


async def opened(mark="opened"):
    while not os.path.exists(os.path.join(LIVE, mark)):
        await trio.sleep(0.02)
    await trio.sleep(0.1)  # from the mark to the call that blocks


async def feed_unread(alpha, for_ever):
    async with alpha.open_context(unread) as (ctx, _):
        async with ctx.open_stream() as stream:
            for i in range(120):  # more than the stream's queue holds
                await stream.send(i)
                await trio.sleep(0.003)  # each read by itself: its reader's buffer must not hold the rest
            while for_ever:
                await stream.send("x" * 4000)
            await stream.send("x" * 40_000)
            await alpha.run(echo, x="never answered")


async def main(mode):
    s = socket.socket()
    s.bind(("127.0.0.1", 0))
    addr = s.getsockname()
    s.close()
    register("root")
    async with tractor.open_nursery(arbiter_addr=addr, name="root") as actors, trio.open_nursery() as tasks:
        alpha = await actors.start_actor("alpha", enable_modules=[__name__])
        beta = await actors.start_actor("beta", enable_modules=[__name__])
        await alpha.run(enrol, name="alpha")
        await beta.run(enrol, name="beta")
        tasks.start_soon(beta.run, nest)
        while not os.path.exists(os.path.join(LIVE, "actor.gamma")):
            await trio.sleep(0.02)
        if mode in ("blocked", "slept"):
            tasks.start_soon(alpha.run, {"blocked": blocked, "slept": slept}[mode])
            await opened()
            for _ in range(3):
                tasks.start_soon(lambda: alpha.run(echo, x="y" * 9000))
        elif mode in ("deaf", "full"):
            tasks.start_soon(feed_unread, alpha, mode == "full")
            await opened()
        else:
            assert await alpha.run(echo, x="hello") == "hello"
        await trio.sleep(0.5)
        write("up.root")
        await trio.sleep_forever()


if __name__ == "__main__":
    trio.run(main, sys.argv[1])
