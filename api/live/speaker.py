"""Says pieces of text in order over one connection, utterance after utterance. Knows no messages' shapes."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from api.error_responses import error_of
from api.live.clauses import Clause, Clauses
from api.live.decoding import AHEAD, Decoding
from api.live.messages import Start
from api.live.track import Track
from api.synthesis import Synthesis
from runners.errors import SpeechError

SendAudio = Callable[[bytes], Awaitable[None]]
SendEvent = Callable[[dict[str, Any]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Piece:
    utterance: int
    segment: int
    decoding: Decoding


@dataclass(frozen=True, slots=True)
class End:
    """Of an utterance."""

    utterance: int
    characters: int


class Speaker:
    """`feed`, `flush` and `cancel` are called by one task. What is sent is sent by another, of its own."""

    def __init__(self, synthesis: Synthesis, start: Start, audio: SendAudio, event: SendEvent) -> None:
        """`audio` and `event` return when there is room for more: who does not read is not decoded for."""
        self.start = start  # how what comes next is said
        self._synthesis = synthesis
        self._audio = audio
        self._event = event
        self._utterance = -1
        self._next()
        self._renew()

    def _renew(self) -> None:
        self._ahead = asyncio.Semaphore(AHEAD)
        self._decodings: list[Decoding] = []  # begun or waiting, in order
        self._line: asyncio.Queue[Piece | End | None] = asyncio.Queue()
        self._track: Track | None = None  # of the utterance whose audio was sent last
        self._tracks: list[Track] = []  # that are not played yet, by the clock, and the last
        self.task = asyncio.create_task(self._run())  # done when `finish` was called and all is sent, or sending failed

    @property
    def busy(self) -> bool:
        return bool(self._decodings) or not self._line.empty()

    @property
    def waiting(self) -> int:
        """Characters that were sent and are not said yet."""
        return self._clauses.waiting + sum(len(each.clause.text) for each in self._decodings)

    def feed(self, text: str) -> None:
        if not self._characters:
            self._clauses = Clauses(self.start.language or "")
        self._characters += len(text)
        for clause in self._clauses.feed(text):
            self._say(clause)

    def flush(self) -> None:
        """The utterance is whole. One without text is none."""
        if not self._characters:
            return
        for clause in self._clauses.rest():
            self._say(clause)
        self._line.put_nowait(End(self._utterance, self._characters))
        self._next()

    async def cancel(self, played: float | None) -> dict[str, Any]:
        """How far the listener is: `played` seconds into the utterance whose audio came last, or where who has listened
        since the first byte is. The engine is told to free the slots.
        """
        told = {"utterance": self._utterance, "characters_spoken": 0}
        playing = (track for track in self._tracks if not track.played) if played is None else iter(())
        if heard := next(playing, self._track):
            told = {"utterance": heard.utterance, "characters_spoken": heard.characters_by(played)}
        await self.stop()
        self._next()
        self._renew()
        return told

    def finish(self) -> None:
        """Nothing more will come."""
        self.flush()
        self._line.put_nowait(None)

    async def stop(self) -> None:
        """At once."""
        self.task.cancel()
        await asyncio.gather(asyncio.wait([self.task]), *(each.end() for each in self._decodings))
        self._decodings.clear()

    def _next(self) -> None:
        self._utterance += 1
        self._segment = 0
        self._characters = 0
        self._clauses = Clauses(self.start.language or "")

    def _say(self, clause: Clause) -> None:
        before = self._decodings[-1].sounds if self._decodings else None
        decoding = Decoding(clause, self.start.request(clause.text), self._synthesis, self._ahead, before)
        self._decodings.append(decoding)
        self._line.put_nowait(Piece(self._utterance, self._segment, decoding))
        self._segment += 1

    async def _run(self) -> None:
        failed = -1  # the utterance that did
        while (item := await self._line.get()) is not None:
            try:
                if item.utterance == failed:
                    continue
                await (self._end(item) if isinstance(item, End) else self._send(item))
            except SpeechError as error:
                failed = item.utterance
                await self._event({"type": "error", "utterance": failed, **error_of(error)})
            finally:
                if isinstance(item, Piece):
                    await item.decoding.end()
                    if item.decoding in self._decodings:
                        self._decodings.remove(item.decoding)

    async def _send(self, piece: Piece) -> None:
        span = piece.decoding.clause.span
        names = {"utterance": piece.utterance, "segment": piece.segment, "span": list(span)}
        said = None
        async for spec, samples in piece.decoding:
            if self._track is None or self._track.utterance != piece.utterance:
                after = self._track.ends if self._track else 0.0
                self._track = Track(piece.utterance, spec, after)
                self._tracks = [track for track in self._tracks if not track.played] + [self._track]
            if said is None:
                said = self._track.begin(span)
                await self._event({"type": "segment_began", **names, "start": round(said.start, 6)})
            await self._send_audio(await asyncio.to_thread(self._track.feed, samples))
        if said is not None and self._track is not None:
            said.end = self._track.seconds
            times = {"start": round(said.start, 6), "end": round(said.end, 6)}
            await self._event({"type": "segment_ended", **names, **times})

    async def _end(self, end: End) -> None:
        seconds = 0.0
        if self._track is not None and self._track.utterance == end.utterance:
            await self._send_audio(await asyncio.to_thread(self._track.end))
            seconds = self._track.seconds
        ended = {"utterance": end.utterance, "characters": end.characters, "seconds": round(seconds, 6)}
        await self._event({"type": "utterance_ended", **ended})

    async def _send_audio(self, data: bytes) -> None:
        if data and self._track:
            self._track.sent()
            await self._audio(data)
