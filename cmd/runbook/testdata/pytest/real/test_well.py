import pytest
import tractor
import trio

import actors


async def test_an_actor_answers():
    async with actors.tree() as n:
        alpha = await n.start_actor("alpha", enable_modules=["actors"])
        assert await alpha.run(actors.echo, x=7) == 7
        await alpha.cancel_actor()


async def test_the_error_of_an_actor_arrives():
    with pytest.raises(tractor.RemoteActorError):
        async with actors.tree() as n:
            await n.run_in_actor(actors.raises)


async def test_a_task_is_cancelled():
    with trio.move_on_after(0.1) as scope:
        await trio.sleep_forever()
    assert scope.cancelled_caught
