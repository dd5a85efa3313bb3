"""asyncio tasks whose loop is blocked: what each waits for, whether it could run
by now, whether it was cancelled."""
import asyncio
import os
import socket
import sys
import time

import truth

counts = sys.version_info >= (3, 11)  # the calls of cancel(), for good
no = False if counts else None
kept = []
waits = {}


def start(name, coro, says, cancelled=no, make=asyncio.ensure_future):
    task = make(coro)
    task.set_name(name)
    waits[name] = {"says": says, "cancelled": cancelled}
    kept.append(task)
    return task


async def connection():
    ours, theirs = socket.socketpair()
    reader, writer = await asyncio.open_connection(sock=ours)
    kept.extend([theirs, writer])
    return reader, writer, ours.fileno()


async def closes(writer):
    writer.close()
    await writer.wait_closed()


async def awaits(future):
    await future


async def locks(lock):
    async with lock:
        pass


async def cleans_up():
    try:
        await asyncio.sleep(1000)
    finally:
        await asyncio.sleep(1000)


async def main():
    loop = asyncio.get_running_loop()

    reader, _, fd = await connection()
    start("reads", reader.read(1), f"parked read {fd}")
    reader, writer, fd = await connection()
    writer.write(bytes(10**7))
    start("drains", writer.drain(), f"parked write {fd}")
    start("reads what is full", reader.read(1), f"parked read {fd}")
    _, writer, fd = await connection()
    writer.write(bytes(10**7))
    start("closes what is full", closes(writer), f"parked write {fd}")
    _, writer, fd = await connection()
    start("waits for its end", writer.wait_closed(), "parked future -1")
    reader, (pipe, into) = asyncio.StreamReader(), os.pipe()
    kept.append(into)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(pipe, "rb"))
    start("reads a pipe", reader.read(1), f"parked read {pipe}")

    future, event, lock, queue = loop.create_future(), asyncio.Event(), asyncio.Lock(), asyncio.Queue()
    await lock.acquire()
    start("its future is set", awaits(future), "runnable")
    start("its event is set", event.wait(), "runnable")
    start("its lock is free", locks(lock), "runnable")
    start("its queue is filled", queue.get(), "runnable")
    start("its future is not set", awaits(loop.create_future()), "parked future -1")
    sleeper = start("its sleep is cancelled", asyncio.sleep(1000), "runnable", True)
    cleaner = start("cleans up", cleans_up(), "parked sleep -1", True if counts else None)
    start("sleeps", asyncio.sleep(1000), "parked sleep -1")

    own = asyncio.futures._PyFuture(loop=loop)
    in_python = lambda coro: asyncio.tasks._PyTask(coro, loop=loop)
    start("in Python", awaits(asyncio.futures._PyFuture(loop=loop)), "parked future -1", make=in_python)
    start("in Python, could run", awaits(own), "runnable", make=in_python)

    await asyncio.sleep(0.1)
    cleaner.cancel()
    await asyncio.sleep(0.1)
    future.set_result(None)
    own.set_result(None)
    event.set()
    lock.release()
    queue.put_nowait(1)
    sleeper.cancel()
    start("has not begun", asyncio.sleep(1000), "runnable")
    start("is not to begin", asyncio.sleep(1000), "runnable", True).cancel()
    truth.say_later(lambda: [], waits)
    time.sleep(1000)


asyncio.run(main())
