import actors


async def test_an_actor_that_sleeps():
    """alpha sleeps in a synchronous call: neither its answer nor its cancellation ever comes."""
    async with actors.tree() as n:
        alpha = await n.start_actor("alpha", enable_modules=["actors"])
        await alpha.run(actors.sleeps)
