"""A tree of 47 trio tasks: nested nurseries, an async generator, a task that is
cancelled and shielded, one that waits for a thread."""
import threading
import time

import trio

import truth


class Channel:
    def __init__(self):
        self.event = trio.Event()

    async def recv(self):
        await self.event.wait()


async def rpc(channel):
    return await channel.recv()


async def actor(width, depth, channel):
    async with trio.open_nursery() as nursery:
        for i in range(width):
            if depth > 1:
                nursery.start_soon(actor, width, depth - 1, channel, name=f"actor-{depth}-{i}")
            else:
                nursery.start_soon(rpc, channel, name=f"rpc-{i}")


async def numbers():
    yield 1
    await trio.sleep(1000)
    yield 2


async def over_numbers():
    async for _ in numbers():
        pass


async def shielded(channel):
    with trio.CancelScope(shield=True):
        await channel.recv()


async def cancelled():
    with trio.CancelScope() as scope:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(shielded, Channel())
            await trio.sleep(0.05)
            scope.cancel()


async def in_thread():
    await trio.to_thread.run_sync(lambda: time.sleep(1000))


def take(lock):
    with lock:
        pass


async def main():
    held = threading.Lock()
    held.acquire()
    threading.Thread(target=take, args=(held,), name="stuck-worker", daemon=True).start()
    channel = Channel()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(actor, 3, 3, channel)
        nursery.start_soon(over_numbers)
        nursery.start_soon(cancelled)
        nursery.start_soon(in_thread)
        root = trio.lowlevel.current_root_task()
        truth.say_later(lambda: truth.trio_tasks(root))
        await rpc(channel)


trio.run(main)
