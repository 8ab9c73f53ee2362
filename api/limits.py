"""How long a request's body may be, checked before anything else reads it."""

from collections.abc import Mapping

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.error_responses import answer
from api.errors import BodyTooLarge, ClientGone
from bentoml_patches.replay import replay


class BodyLimit:
    """Answers 413 as soon as a body is known to be over `limit` bytes; the rest of it is never read.

    `uploads` are POST routes with limits of their own. Their bodies are too large to be held here: they pass, and
    whoever reads one past its limit gets BodyTooLarge raised. `larger` have limits of their own too, and are held.
    """

    def __init__(self, app: ASGIApp, limit: int, uploads: Mapping[str, int], larger: Mapping[str, int]) -> None:
        self.app = app
        self.limit = limit
        self.uploads = uploads  # path -> bytes
        self.larger = larger  # path -> bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD", "OPTIONS"):
            return await self.app(scope, receive, send)
        upload = self.uploads.get(scope["path"]) if scope["method"] == "POST" else None
        limit = self.larger.get(scope["path"], self.limit) if upload is None else upload
        counted = _counted(receive, limit)
        try:
            declared = Headers(scope=scope).get("content-length", "0")
            if declared.isdecimal() and int(declared) > limit:
                raise _too_large(limit)
            passed = counted if upload is not None else replay(await read_body(counted), receive)
        except (BodyTooLarge, ClientGone) as refusal:
            return await answer(refusal)(scope, receive, send)
        await self.app(scope, passed, send)


def _counted(receive: Receive, limit: int) -> Receive:
    """Raises BodyTooLarge from the message on that takes the body over `limit`."""
    size = 0

    async def counted() -> Message:
        nonlocal size
        message = await receive()
        size += len(message.get("body", b""))
        if size > limit:
            raise _too_large(limit)
        return message

    return counted


async def read_body(receive: Receive) -> list[Message]:
    """Raises ClientGone where it ends too soon."""
    messages = [await receive()]
    while messages[-1].get("more_body", False):
        messages.append(await receive())
    if messages[-1]["type"] == "http.disconnect":
        raise ClientGone("The client left before its request was whole.")
    return messages


def _too_large(limit: int) -> BodyTooLarge:
    return BodyTooLarge(f"The request's body is larger than {limit} bytes.")
