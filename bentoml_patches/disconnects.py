"""Notices that the caller of a batched API has left, which BentoML does not: it would work on the whole batch."""

import asyncio

import bentoml
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from bentoml_patches.replay import replay


class BulkCalls:
    """Opens the call that `header` names in the service's `bulk` for as long as its caller is connected."""

    def __init__(self, app: ASGIApp, header: str) -> None:
        self.app = app
        self.header = header

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        name = Headers(scope=scope).get(self.header) if scope["type"] == "http" else None
        if name is None:
            return await self.app(scope, receive, send)
        request = [await receive()]
        while request[-1].get("more_body", False):
            request.append(await receive())
        answering = asyncio.ensure_future(self.app(scope, replay(request, receive), send))
        with bentoml.get_current_service().bulk.call(name):
            await _ended_or_left(answering, receive)
        await answering  # of whoever has left, too: the rest of its batch may belong to others


async def _ended_or_left(answering: asyncio.Future[None], receive: Receive) -> None:
    leaving = asyncio.ensure_future(receive())
    try:
        await asyncio.wait((answering, leaving), return_when=asyncio.FIRST_COMPLETED)
    finally:
        leaving.cancel()
