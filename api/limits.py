"""What a request may weigh, checked before anything else looks at it."""

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.errors import BodyTooLarge, answer


class BodyLimit:
    """Answers 413 as soon as a body is known to be over `limit` bytes; the rest of it is never read."""

    def __init__(self, app: ASGIApp, limit: int) -> None:
        self.app = app
        self.limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD", "OPTIONS"):
            return await self.app(scope, receive, send)
        body = await self._read(Headers(scope=scope), receive)
        if body is None:
            refusal = BodyTooLarge(f"The request's body is larger than {self.limit} bytes.")
            return await answer(refusal)(scope, receive, send)
        await self.app(scope, _replay(body, receive), send)

    async def _read(self, headers: Headers, receive: Receive) -> list[Message] | None:
        """The body's messages, or None when they are too much."""
        declared = headers.get("content-length", "0")
        if declared.isdecimal() and int(declared) > self.limit:
            return None
        messages: list[Message] = []
        size = 0
        while not messages or messages[-1].get("more_body", False):
            messages.append(await receive())
            size += len(messages[-1].get("body", b""))
            if size > self.limit:
                return None
        return messages


def _replay(messages: list[Message], receive: Receive) -> Receive:
    """What was read, then whatever comes after it: the client's leaving."""
    waiting = iter(messages)

    async def replayed() -> Message:
        for message in waiting:
            return message
        return await receive()

    return replayed
