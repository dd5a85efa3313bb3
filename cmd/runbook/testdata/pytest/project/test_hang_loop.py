import asyncio


def test_awaits():
    async def forever():
        await asyncio.Event().wait()

    asyncio.run(forever())
