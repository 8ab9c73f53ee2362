"""The response to a stream: chunks as they come, and a connection that is cut where the audio is not whole."""

import asyncio
import logging
from collections.abc import AsyncIterable, Mapping
from contextlib import aclosing
from typing import Final

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from api.errors import ClientGone
from api.flow import Flow
from api.observe.record import record
from runners.errors import SpeechError

PATIENCE: Final = 300.0  # seconds
SLICE: Final = 2**16  # bytes: what is sent at once is waited for as a whole, so it must not be much

log = logging.getLogger(__name__)


class LiveResponse(StreamingResponse):
    """Sends `chunks`, which come of `flow`, and closes that, however it ends.

    Who stops reading is waited for: a player may pause. It holds some memory and nothing else by then. After
    `patience` seconds without a byte taken it is cut off. So is every client whose audio fails half-way: a chunked body
    without its last chunk is an error to it, and never taken for a short file.
    """

    def __init__(
        self,
        chunks: AsyncIterable[bytes],
        flow: Flow,
        media_type: str,
        headers: Mapping[str, str],
        patience: float = PATIENCE,
    ) -> None:
        super().__init__(chunks, media_type=media_type, headers=headers)
        self._chunks = chunks
        self._flow = flow
        self._patience = patience

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with aclosing(self._flow):
            await super().__call__(scope, receive, send)

    async def stream_response(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        try:
            async for chunk in self._chunks:
                for at in range(0, len(chunk), SLICE):
                    async with asyncio.timeout(self._patience):
                        await send({"type": "http.response.body", "body": chunk[at : at + SLICE], "more_body": True})
        except SpeechError as error:
            record().error = error.type
            log.error("A stream was cut: %s: %s", error.type, error.message, exc_info=error.__cause__)
            return
        except TimeoutError:
            record().error = ClientGone.type
            log.info("A stream was cut: its client took nothing for %g s", self._patience)
            return
        await send({"type": "http.response.body", "body": b"", "more_body": False})
