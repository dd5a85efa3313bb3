"""A toy that waits in each way that trio has. The recordings 3.N-trio are of it."""
import subprocess, sys, threading, time

import trio


class Feed:
    def __init__(self):
        self.ready = trio.Event()

    async def first(self):
        await self.ready.wait()  # setter() has it


async def setter(feed):
    await trio.sleep_forever()


async def holder(lock):
    async with lock:
        await trio.sleep_forever()


async def blocked(lock):
    async with lock:  # held by holder
        pass


async def consumer(receiving):
    async for _ in receiving:  # only producer can send
        pass


async def producer(sending):
    async with sending:
        await trio.sleep(1000)


async def shielded():
    with trio.CancelScope(shield=True):
        await trio.sleep_forever()


async def cancelled():
    with trio.CancelScope() as scope:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(shielded)
            await trio.sleep(0.01)
            scope.cancel()


async def items():
    yield 1
    await trio.sleep_forever()


async def iterating():
    async for _ in items():
        pass


async def reading(sock):
    await sock.recv(1)


async def waiting_for_process(process):
    await process.wait()


async def limited(limiter):
    async with limiter:
        await trio.sleep_forever()


async def main():
    feed, lock, limiter = Feed(), trio.Lock(), trio.CapacityLimiter(1)
    sending, receiving = trio.open_memory_channel(0)
    ours, theirs = trio.socket.socketpair()
    threading.Thread(target=time.sleep, args=(1000,), name="worker é", daemon=True).start()
    process = await trio.lowlevel.open_process([sys.executable, "-c", "import time; time.sleep(1000)"], stdin=subprocess.DEVNULL)
    async with trio.open_nursery() as nursery:
        start = nursery.start_soon
        start(feed.first)
        start(setter, feed)
        start(holder, lock)
        await trio.sleep(0.01)
        start(blocked, lock)
        start(consumer, receiving)
        start(producer, sending)
        del feed, sending, receiving
        start(cancelled)
        start(iterating)
        start(reading, ours)
        start(waiting_for_process, process)
        start(limited, limiter, name="borrower")
        await trio.sleep(0.01)
        start(limited, limiter, name="wants a token")
        await trio.to_thread.run_sync(time.sleep, 0.3)
        print("ready", flush=True)
        try:
            await trio.sleep_forever()
        finally:
            process.kill()


trio.run(main)
