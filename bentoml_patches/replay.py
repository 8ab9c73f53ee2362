"""A request's body, read and passed on as if it had not been."""

from collections.abc import Iterable

from starlette.types import Message, Receive


def replay(messages: Iterable[Message], receive: Receive) -> Receive:
    """What was read, then whatever comes after it: the client's leaving."""
    waiting = iter(messages)

    async def replayed() -> Message:
        for message in waiting:
            return message
        return await receive()

    return replayed
