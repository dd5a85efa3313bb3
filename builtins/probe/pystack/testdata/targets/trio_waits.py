"""trio tasks at memory channels: who has the other end, as far as that can be known."""
import time

import trio

import truth

waits = {}


class Holder:
    """Has one thing in an attribute."""

    def __init__(self, thing):
        self.thing = thing

    async def sends(self):
        await trio.sleep_forever()
        await self.thing.send(1)


class Context:
    """Has both ends, as one of tractor has."""

    def __init__(self):
        self.sending, self.receiving = trio.open_memory_channel(0)


async def has(thing):
    await trio.sleep_forever()
    del thing


async def sends(channel):
    async with channel:
        await trio.sleep_forever()


async def keeps(channel):
    def inner():
        return channel

    await trio.sleep_forever()
    await inner().send(1)


async def receives(channel):
    async for _ in channel:
        pass


async def receives_of(context):
    await context.receiving.receive()


async def under(seconds):
    with trio.move_on_after(seconds):
        with trio.CancelScope():
            await trio.sleep_forever()


async def shields():
    with trio.move_on_after(9999):
        with trio.CancelScope(shield=True):
            await trio.sleep_forever()


async def main():
    async with trio.open_nursery() as nursery:

        def start(name, says, function, *args):
            waits[name] = {"says": says, "cancelled": False}
            nursery.start_soon(function, *args, name=name)

        forever = "parked forever -1"

        sending, receiving = trio.open_memory_channel(0)
        start("of one", "parked receive -1; owner the one", receives, receiving)
        start("the one", forever, sends, sending)

        sending, receiving = trio.open_memory_channel(0)
        start("of an attribute", "parked receive -1; owner has an attribute", receives, receiving)
        start("has an attribute", forever, Holder(sending).sends)

        sending, receiving = trio.open_memory_channel(0)
        start("of two", "parked receive -1; candidates first, second", receives, receiving)
        start("first", forever, has, sending)
        start("second", forever, has, sending)

        sending, receiving = trio.open_memory_channel(0)  # who sends has it two attributes away
        start("of an unknown", "parked receive -1; candidates bystander", receives, receiving)
        start("bystander", forever, has, sending)
        start("sends", forever, has, Holder(Holder(sending)))

        sending, receiving = trio.open_memory_channel(0)
        start("of a closure", "parked receive -1; candidates keeps", receives, receiving)
        start("keeps", forever, keeps, sending)

        sending, receiving = trio.open_memory_channel(0)
        start("of a shared", "parked receive -1; candidates shares", receives, receiving)
        shared = Holder(sending)
        start("shares", forever, has, shared)
        start("shares, too", forever, has, [shared])

        contexts = {"one": Context()}
        start("of a context", "parked receive -1", receives_of, contexts["one"])
        start("reads messages", forever, has, contexts)

        sending, receiving = trio.open_memory_channel(0)
        start("both", "parked receive -1; alone", receives_of, Context())
        del sending, receiving, shared, contexts

        start("under a deadline", f"{forever}; deadline ahead", under, 9999)
        start("past its deadline", f"{forever}; deadline passed", under, 0.3)
        start("behind a shield", forever, shields)

        await trio.sleep(0.1)
        truth.say_later(lambda: [], waits)
        time.sleep(1000)  # so that nobody hears of the deadline


trio.run(main)
