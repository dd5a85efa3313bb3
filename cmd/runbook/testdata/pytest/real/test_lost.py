import trio


async def test_awaits_what_never_comes():
    await trio.Event().wait()
