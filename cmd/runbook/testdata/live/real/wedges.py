"""One tree of real tractor actors, each stuck in a way of its own.

Below the root: locked, waiting, shielded, blocked and deaf, after the functions
that say how. All these are sent more than they take. crossed is sent nothing: two of
its tasks wait for each other. Facts go where the keeper looks.
"""
import os
import socket
import sys
import threading

import tractor
import trio

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))  # an actor runs this file by its path
from app import opened, register, write


async def order_writer(lock, task_status=trio.TASK_STATUS_IGNORED):
    async with lock:
        task_status.started()
        await trio.sleep_forever()  # has the lock


async def locked(stream):
    lock = trio.Lock()
    async with trio.open_nursery() as tasks:
        await tasks.start(order_writer, lock)
        async with lock:  # locked
            pass


async def waiting(stream):
    bars = trio.Event()
    await bars.wait()  # waiting


async def shielded(stream):
    with trio.CancelScope() as scope:
        scope.cancel()
        with trio.CancelScope(shield=True):
            await trio.sleep_forever()  # shielded


async def blocked(stream):
    threading.Event().wait()  # blocked


async def deaf(stream):
    await trio.sleep_forever()  # deaf


WAYS = [locked, waiting, shielded, blocked, deaf]


@tractor.context
async def feed(ctx, way):
    register(way)
    await ctx.started()
    async with ctx.open_stream() as stream:
        await {f.__name__: f for f in WAYS}[way](stream)


async def send_more(actors, way):
    portal = await actors.start_actor(way, enable_modules=[__name__])
    async with portal.open_context(feed, way=way) as (ctx, _), ctx.open_stream() as stream:
        for i in range(120):  # more than the stream's queue holds
            await stream.send(i)
            await trio.sleep(0.003)  # each read by itself: its reader's buffer must not hold the rest
        await stream.send("x" * 40_000)
        write("sent." + way)
        await trio.sleep_forever()


async def cross(mine, other, here, there):
    async with mine:
        here.set()
        await there.wait()
        async with other:  # crossed
            pass


@tractor.context
async def crossed(ctx):
    register("crossed")
    await ctx.started()
    a, b, one, two = trio.Lock(), trio.Lock(), trio.Event(), trio.Event()
    async with trio.open_nursery() as tasks:
        tasks.start_soon(cross, a, b, one, two, name="ab")
        tasks.start_soon(cross, b, a, two, one, name="ba")


async def wait_for_crossed(actors):
    portal = await actors.start_actor("crossed", enable_modules=[__name__])
    async with portal.open_context(crossed):
        await trio.sleep_forever()


async def main():
    s = socket.socket()
    s.bind(("127.0.0.1", 0))
    addr = s.getsockname()
    s.close()
    register("root")
    async with tractor.open_nursery(arbiter_addr=addr, name="root") as actors, trio.open_nursery() as tasks:
        for way in WAYS:
            tasks.start_soon(send_more, actors, way.__name__)
        tasks.start_soon(wait_for_crossed, actors)
        for way in WAYS:
            await opened("sent." + way.__name__)
        write("up.root")
        await trio.sleep_forever()


if __name__ == "__main__":
    trio.run(main)
