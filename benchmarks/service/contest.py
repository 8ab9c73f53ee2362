"""What is done to each scheduler of the service benchmark, in turns, so that drift hits all alike."""

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import islice

import httpx

from benchmarks import mix
from benchmarks.mix import Ask
from benchmarks.service import over_http
from benchmarks.service.clients import Heard, Speaker, closed_loop, open_loop, poisson
from benchmarks.service.outcome import LOOK_EVERY, throughput
from benchmarks.service.player import Chunk
from benchmarks.statistics import Spread

LOCK, BATCHING, FIRST_COME, OURS = "upstream behind a lock", "BentoML batching", "ours, first come", "ours"
BARE = "the bare engine"
LONGEST = 600.0  # seconds for an answer that nobody competes with

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Plan:
    codes: int  # of every text
    slots: int  # of our engine; also the clients of the closed loop, and BentoML's largest batch
    loads: tuple[float, ...]  # of what ours can do
    window: float  # seconds that requests keep coming in an open loop
    patience: float  # seconds to wait for answers after that
    closed: float  # seconds of a closed loop
    rounds: int  # of those measurements that are repeated

    @property
    def characters(self) -> int:
        return mix.characters_for(self.codes)


@dataclass(frozen=True, slots=True)
class Entrant:
    """A running server."""

    name: str
    http: httpx.AsyncClient
    say: Speaker


@dataclass(frozen=True, slots=True)
class Cell:
    """One scheduler under one load."""

    load: float  # share of what ours can do
    rate: float  # requests a second
    scheduler: str
    heard: list[Heard]
    line: list[int]  # sequences waiting in the engine, from /health; empty where that does not say


@dataclass(slots=True)
class Findings:
    alone: dict[str, dict[str, list[Heard]]] = field(default_factory=dict)  # by scheduler and kind
    closed: dict[str, list[float]] = field(default_factory=dict)  # seconds of audio a second, a round each
    cells: list[Cell] = field(default_factory=list)

    def audio(self, scheduler: str) -> float:
        """Seconds of audio that a request of the mix is, on average."""
        return mix.mean({kind: heard[0].audio for kind, heard in self.alone[scheduler].items()})

    def capacity(self, scheduler: str) -> float:
        """Requests a second: by the closed loop, or of a lock, which does one by one, by how long each takes."""
        if scheduler in self.closed:
            return Spread.of(self.closed[scheduler]).median / self.audio(scheduler)
        return 1 / mix.mean({kind: latency(heard) for kind, heard in self.alone[scheduler].items()})


def latency(heard: Sequence[Heard]) -> float:
    """The median of answers that all came."""
    return Spread.of([record.latency for record in heard if record.latency is not None]).median


def first_audio(heard: Sequence[Heard]) -> float:
    return Spread.of([record.first_audio for record in heard if record.first_audio is not None]).median


async def warm_up(entrants: Sequence[Entrant], plan: Plan, voice: str) -> None:
    """One request each."""
    for entrant in entrants:
        body = over_http.body(next(mix.asks(plan.characters, random.Random(0))), voice)
        answer = await entrant.http.post("/generate/stream", json=body)
        answer.raise_for_status()


async def train(batching: Entrant, plan: Plan) -> None:
    """BentoML's dispatcher tries out small batches first, eleven of them, and holds requests back to make them up."""
    rng = random.Random(3)
    for _ in range(6):
        short = (mix.ask(mix.MIX[0], plan.characters, rng) for _ in range(3))
        _faultless(await open_loop(batching.say, [(0.0, ask) for ask in short], LONGEST))


async def alone(entrants: Sequence[Entrant], plan: Plan) -> dict[str, dict[str, list[Heard]]]:
    """Requests of each kind when there are no others."""
    found: dict[str, dict[str, list[Heard]]] = {entrant.name: {} for entrant in entrants}
    rng = random.Random(1)
    for _ in range(plan.rounds):
        for kind in mix.MIX:
            ask = mix.ask(kind, plan.characters, rng)
            for entrant in entrants:
                heard = _faultless(await open_loop(entrant.say, [(0.0, ask)], LONGEST))
                found[entrant.name].setdefault(kind.name, []).extend(heard)
    log.info("alone: done")
    return found


async def closed(entrants: Sequence[Entrant], engine: Entrant, plan: Plan, voice: str) -> dict[str, list[float]]:
    """Throughput of the bare engine, which `engine` hosts, and of the entrants, with as many clients as slots."""
    found: dict[str, list[float]] = {}
    for seed in range(plan.rounds):
        found.setdefault(BARE, []).append(throughput(await _bare(engine, plan, voice, seed), plan.slots))
        for entrant in entrants:
            asks = mix.asks(plan.characters, random.Random(seed))
            heard = _faultless(await closed_loop(entrant.say, asks, plan.slots, plan.closed))
            found.setdefault(entrant.name, []).append(throughput(heard, plan.slots))
            await _settle(entrant, plan)
    log.info("closed loop, audio-seconds per second: %s", found)
    return found


async def loaded(entrants: Sequence[Entrant], plan: Plan, capacity: float) -> list[Cell]:
    """Each load on each entrant: the same requests at the same moments. `capacity`: requests a second that ours can."""
    cells = []
    for number, load in enumerate(plan.loads):
        rng = random.Random(100 + number)
        times = poisson(load * capacity, plan.window, rng)
        arrivals = list(zip(times, islice(mix.asks(plan.characters, rng), len(times)), strict=True))
        for entrant in entrants:
            cells.append(await _cell(entrant, plan, load, load * capacity, arrivals))
            await _settle(entrant, plan)
            log.info("load %s on %s: done", load, entrant.name)
    return cells


async def _cell(entrant: Entrant, plan: Plan, load: float, rate: float, arrivals: Sequence[tuple[float, Ask]]) -> Cell:
    async with _watching(entrant.http) as line:
        heard = await open_loop(entrant.say, arrivals, plan.window + plan.patience)
    return Cell(load, rate, entrant.name, heard, line)


async def _bare(engine: Entrant, plan: Plan, voice: str, seed: int) -> list[Heard]:
    body = {
        "characters": plan.characters,
        "seed": seed,
        "voice": voice,
        "clients": plan.slots,
        "seconds": plan.closed,
    }
    answer = await engine.http.post("/bare", json=body)
    answer.raise_for_status()
    return [Heard(**{**record, "chunks": [Chunk(**chunk) for chunk in record["chunks"]]}) for record in answer.json()]


async def _settle(entrant: Entrant, plan: Plan) -> None:
    """Returns once what was left of the last measurement is through: all answer in turn."""
    async for _ in entrant.say(mix.ask(mix.MIX[0], plan.characters, random.Random(2))):
        pass


@asynccontextmanager
async def _watching(http: httpx.AsyncClient) -> AsyncIterator[list[int]]:
    """The engine's waiting line while the block runs, where /health tells."""
    line: list[int] = []

    async def watch() -> None:
        while (answer := await http.get("/health")).status_code == 200:
            line.append(answer.json()["slots"]["waiting"])
            await asyncio.sleep(LOOK_EVERY)

    watching = asyncio.create_task(watch())
    try:
        yield line
    finally:
        watching.cancel()
        await asyncio.wait([watching])


def _faultless(heard: list[Heard]) -> list[Heard]:
    """Raises RuntimeError for an answer that was none: what follows would be measured on errors."""
    if faults := [record.error for record in heard if record.error]:
        raise RuntimeError(f"the server answered: {faults[0]}")
    return heard
