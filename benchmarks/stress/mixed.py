"""Requests of all kinds, and their answers as samples that can be compared: alone, and in a crowd."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import httpx
import numpy as np
from numpy.typing import NDArray

from benchmarks.mix import sentence

STYLES = (None, "neutral", "question", "excitement")
OPENAI = "/v1/audio/speech"
PCM = {"output_format": "pcm"}
FLOOR = 60.0  # dB: an answer that is this near to its own solo result counts as equal


@dataclass(frozen=True, slots=True)
class Ask:
    route: str
    body: dict[str, object]


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    samples: NDArray[np.int16]
    seconds: float
    seed: int = 0


def asks(rng: random.Random) -> Iterator[Ask]:
    """Simple, segmented, streamed and OpenAI's requests by turns, all voices and seeds varied, without end."""
    while True:
        text, seed = f"{rng.randrange(100)} {sentence(20, rng)}", rng.randrange(2**32)
        voice = {"style": rng.choice(STYLES), "seed": seed, "language": rng.choice(("en", "hu")), **PCM}
        yield Ask("/generate/simple", {"text": text, **voice})
        yield Ask("/generate/segmented", {"segments": [{"text": text, "pause_after": 0.2}, {"text": "So."}], **voice})
        yield Ask("/generate/stream", {"text": text, **voice})
        yield Ask(OPENAI, {"model": "tts-1", "voice": "alloy", "input": text, "response_format": "pcm"})


def alone(ask: Ask, answer: Answer) -> Ask:
    """The request whose answer must be the same: for OpenAI's route, one with the seed that it drew."""
    if ask.route != OPENAI:
        return ask
    body = {"text": ask.body["input"], "language": "auto", "seed": answer.seed, **PCM}
    return Ask("/generate/simple", body)


async def answer(http: httpx.AsyncClient, ask: Ask) -> Answer:
    begun = time.perf_counter()
    response = await http.post(ask.route, json=ask.body)
    body = response.content if response.status_code == 200 else b""
    seed = int(response.headers.get("x-seed", 0))
    return Answer(response.status_code, np.frombuffer(body, "<i2"), time.perf_counter() - begun, seed)


async def together(http: httpx.AsyncClient, wanted: Sequence[Ask]) -> list[Answer]:
    return await asyncio.gather(*(answer(http, ask) for ask in wanted))


async def one_by_one(http: httpx.AsyncClient, wanted: Sequence[Ask]) -> list[Answer]:
    return [await answer(http, ask) for ask in wanted]


def same(one: Answer, other: Answer) -> bool:
    """Whether both are the same speech."""
    if len(one.samples) != len(other.samples) or not len(one.samples):
        return False
    signal, noise = one.samples.astype(np.float64), one.samples.astype(np.float64) - other.samples
    return bool(10 * np.log10(np.square(signal).sum() / max(np.square(noise).sum(), 1e-9)) >= FLOOR)


def compared(alone: Sequence[Answer], crowd: Sequence[Answer]) -> dict[str, int]:
    """How many answers of the crowd are as alone, differ, or had another status."""
    found: Counter[str] = Counter()
    for one, other in zip(alone, crowd, strict=True):
        if other.status == 200:
            found["equal" if same(one, other) else "different"] += 1
        else:
            found[str(other.status)] += 1
    return dict(found)
