"""A toy that waits in each way that asyncio has. The recordings 3.N-asyncio are of it."""
import asyncio, socket, sys, time


async def recv(queue):
    return await queue.get()


async def outer(queue):
    await asyncio.create_task(recv(queue), name="inner")


async def gathering(queue):
    await asyncio.gather(*[asyncio.create_task(recv(queue), name=f"gathered-{i}") for i in range(2)])


async def grouping(queue):
    async with asyncio.TaskGroup() as group:
        for i in range(2):
            group.create_task(recv(queue), name=f"grouped-{i}")


async def blocked(lock):
    async with lock:
        await asyncio.sleep(1000)


async def waiting(event):
    await event.wait()


async def reading(sock):
    await asyncio.get_running_loop().sock_recv(sock, 1)


async def in_thread():
    await asyncio.to_thread(time.sleep, 1000)


async def main():
    queue, lock, event = asyncio.Queue(), asyncio.Lock(), asyncio.Event()
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    start = lambda coro, name: tasks.append(asyncio.create_task(coro, name=name))
    tasks = []
    start(outer(queue), "outer")
    start(gathering(queue), "gathering")
    start(blocked(lock), "holds")
    start(blocked(lock), "wants")
    start(waiting(event), "waiting")
    start(reading(ours), "reading")
    if sys.version_info >= (3, 9):
        start(in_thread(), "in thread")
    if sys.version_info >= (3, 11):
        start(grouping(queue), "grouping")
    await asyncio.sleep(0.3)
    print("ready", flush=True)
    await asyncio.sleep(1000)


asyncio.run(main())
