"""asyncio tasks: one awaits another, a gather, a TaskGroup where there is one, a
timeout, an async generator, an executor."""
import asyncio
import time

import truth


async def recv(queue):
    return await queue.get()


async def worker(queue):
    return await recv(queue)


async def outer(queue):
    return await asyncio.create_task(worker(queue), name="inner-worker")


async def gathers(queue):
    await asyncio.gather(*[asyncio.create_task(worker(queue), name=f"gathered-{i}") for i in range(3)])


async def groups(queue):
    async with asyncio.TaskGroup() as group:
        for i in range(3):
            group.create_task(worker(queue), name=f"grouped-{i}")


async def timed(queue):
    await asyncio.wait_for(recv(queue), 1000)


async def numbers(queue):
    yield 1
    await queue.get()
    yield 2


async def over_numbers(queue):
    async for _ in numbers(queue):
        pass


async def main():
    queue = asyncio.Queue()
    tasks = [
        asyncio.create_task(outer(queue), name="outer"),
        asyncio.create_task(gathers(queue), name="gathers"),
        asyncio.create_task(asyncio.sleep(1000), name="sleeper"),
        asyncio.create_task(timed(queue), name="timed"),
        asyncio.create_task(over_numbers(queue), name="over-numbers"),
    ]
    if hasattr(asyncio, "TaskGroup"):
        tasks.append(asyncio.create_task(groups(queue), name="groups"))
    tasks += [asyncio.create_task(worker(queue)) for _ in range(20)]
    loop = asyncio.get_running_loop()
    await asyncio.sleep(0.1)
    truth.say_later(lambda: [{"path": t.get_name(), "chain": truth.chain(t.get_coro())} for t in asyncio.all_tasks(loop)])
    await loop.run_in_executor(None, time.sleep, 1000)


asyncio.run(main())
