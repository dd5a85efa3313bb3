import trio

import actors


async def test_right():
    await trio.sleep(0)


async def test_an_actor_says_otherwise():
    async with actors.tree() as n:
        alpha = await n.start_actor("alpha", enable_modules=["actors"])
        try:
            assert await alpha.run(actors.echo, x=7) == 8
        finally:
            await alpha.cancel_actor()
