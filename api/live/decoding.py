"""The pieces of text that are being synthesized, a few ahead of the one that is sent."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Final

from api.audio.edges import Samples
from api.audio.recording import AudioSpec
from api.live.clauses import Clause
from api.schemas import SimpleRequest
from api.synthesis import Synthesis
from runners.errors import EngineFailure, SpeechError

AHEAD: Final = 3  # pieces that are decoded or wait to be sent: how far a listener who does not listen lets it get

log = logging.getLogger(__name__)


class Decoding:
    """One piece at work. It begins once `ahead` lets it, where it counts until `end`, and the piece before it sounds:
    begun together, each would take its share of the steps that the first needs to sound soon.
    """

    def __init__(
        self,
        clause: Clause,
        body: SimpleRequest,
        synthesis: Synthesis,
        ahead: asyncio.Semaphore,
        after: asyncio.Event | None,
    ) -> None:
        """`after`: when the piece before it sounds."""
        self.clause = clause
        self._after = after
        self.sounds = asyncio.Event()  # its first samples are there, or there will be none
        self._body = body
        self._synthesis = synthesis
        self._ahead = ahead
        self._begun = False
        self._ready: asyncio.Queue[tuple[AudioSpec, Samples] | SpeechError | None] = asyncio.Queue()
        self._task = asyncio.create_task(self._decode())

    async def __aiter__(self) -> AsyncIterator[tuple[AudioSpec, Samples]]:
        """Raises SpeechError."""
        while (block := await self._ready.get()) is not None:
            if isinstance(block, SpeechError):
                raise block
            yield block

    async def end(self) -> None:
        """Nothing more is wanted of it, done or not. The engine is told to free its slots when this returns."""
        self._task.cancel()
        self.sounds.set()
        await asyncio.wait([self._task])
        if self._begun:
            self._begun = False
            self._ahead.release()

    async def _decode(self) -> None:
        await self._ahead.acquire()
        self._begun = True
        if self._after:
            await self._after.wait()
        try:
            async with aclosing(self._synthesis.samples(self._body)) as blocks:  # type: ignore[type-var]
                async for block in blocks:
                    self._ready.put_nowait(block)
                    self.sounds.set()
            self._ready.put_nowait(None)
        except SpeechError as error:
            self._ready.put_nowait(error)
        except Exception:
            log.exception("A piece of live text failed with an unexpected error")
            self._ready.put_nowait(EngineFailure("The synthesis failed; the server's log says why."))
        finally:
            self.sounds.set()
