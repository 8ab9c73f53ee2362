"""Clients that ask for speech, and what they heard: at Poisson times (open loop) or one by one (closed).

A speaker is anything that turns an `Ask` into audio: a server over HTTP or an engine in this process. In an open loop
nobody waits for an answer before asking, so a server that falls behind is not spared, and every time counts from when
the request was due.
"""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from benchmarks.mix import Ask
from benchmarks.service.player import Chunk


class Refused(Exception):
    """The speaker did not say it all, and said why."""


Speaker = Callable[[Ask], AsyncIterator[float]]  # yields the seconds of audio of each chunk as it comes; raises Refused


@dataclass(slots=True)
class Heard:
    """What became of a request. Times are seconds since the run began."""

    kind: str
    due: float
    chunks: list[Chunk] = field(default_factory=list)
    ended: float | None = None  # None: not within the run
    error: str | None = None

    @property
    def latency(self) -> float | None:
        """Seconds from due to all of it; None if that was not to be."""
        return None if self.ended is None or self.error else self.ended - self.due

    @property
    def audio(self) -> float:
        """Seconds of it that came."""
        return sum(chunk.audio for chunk in self.chunks)

    @property
    def first_audio(self) -> float | None:
        return self.chunks[0].at - self.due if self.chunks else None


def poisson(rate: float, seconds: float, rng: random.Random) -> list[float]:
    """Arrival times in [0, seconds), on average `rate` a second, none depending on another."""
    times = []
    at = rng.expovariate(rate)
    while at < seconds:
        times.append(at)
        at += rng.expovariate(rate)
    return times


async def open_loop(say: Speaker, arrivals: Sequence[tuple[float, Ask]], until: float) -> list[Heard]:
    """Every ask at its time, whatever became of the others. Those that have not ended `until` then are given up."""
    start = time.perf_counter()
    heard = [Heard(ask.kind, due) for due, ask in arrivals]

    async def client(record: Heard, ask: Ask) -> None:
        await asyncio.sleep(start + record.due - time.perf_counter())
        await _listen(say, ask, record, start)

    clients = [asyncio.create_task(client(record, ask)) for record, (_, ask) in zip(heard, arrivals, strict=True)]
    await _give_up(clients, until)
    return heard


async def closed_loop(say: Speaker, asks: Iterable[Ask], clients: int, seconds: float) -> list[Heard]:
    """So many clients, each asking again as soon as it has its answer, for `seconds` and at least two answers each."""
    start = time.perf_counter()
    heard: list[Heard] = []
    supply = iter(asks)

    def over() -> bool:
        answers = sum(record.ended is not None for record in heard)
        return time.perf_counter() - start >= seconds and answers >= 2 * clients

    async def client() -> None:
        while not over():
            ask = next(supply)
            record = Heard(ask.kind, time.perf_counter() - start)
            heard.append(record)
            await _listen(say, ask, record, start)

    tasks = [asyncio.create_task(client()) for _ in range(clients)]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    await _give_up(tasks, within=0)
    return heard


async def _listen(say: Speaker, ask: Ask, record: Heard, start: float) -> None:
    try:
        async for audio in say(ask):
            record.chunks.append(Chunk(time.perf_counter() - start, audio))
    except Refused as refusal:
        record.error = str(refusal)
    record.ended = time.perf_counter() - start


async def _give_up(clients: Sequence[asyncio.Task[None]], within: float) -> None:
    """Waits for them so long, then sends them home."""
    if clients:
        await asyncio.wait(clients, timeout=within)
    for client in clients:
        client.cancel()
    for client in clients:
        with suppress(asyncio.CancelledError):
            await client
