"""trio as a guest of asyncio's loop: tasks of both in one thread."""
import asyncio

import trio

import truth

roots = []


async def waiter(event):
    await event.wait()


async def tmain():
    async with trio.open_nursery() as nursery:
        roots.append(trio.lowlevel.current_root_task())
        for i in range(3):
            nursery.start_soon(waiter, trio.Event(), name=f"guest-{i}")


async def amain():
    loop = asyncio.get_running_loop()
    done = loop.create_future()
    trio.lowlevel.start_guest_run(tmain, run_sync_soon_threadsafe=loop.call_soon_threadsafe, done_callback=done.set_result)
    await asyncio.sleep(0.1)

    def tasks():
        ours = [{"path": t.get_name(), "chain": truth.chain(t.get_coro())} for t in asyncio.all_tasks(loop)]
        return ours + truth.trio_tasks(roots[0])

    truth.say_later(tasks)
    await done


asyncio.run(amain())
