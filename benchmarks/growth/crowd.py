"""Many small requests of every sort at a real server, some of them wrong or given up: what it may not grow with."""

import asyncio
import random
from collections import Counter
from collections.abc import Iterator

import httpx

from benchmarks.mix import sentence

FORMATS = ("mp3", "wav", "flac", "opus", "aac", "pcm")
LANGUAGES = ("en", "hu")  # the demo voice's
STYLES = ("neutral", "question", "excitement")
WRONG_EVERY, LEAVE_EVERY = 20, 25
Body = tuple[str, dict[str, object]]  # path and JSON
PATIENCE = 0.05  # seconds after which those leave who leave


def bodies(rng: random.Random) -> Iterator[Body]:
    """Simple, segmented, streamed and OpenAI's, without end.

    No two are alike, so that whatever is kept by content would pile up.
    """
    while True:
        number = rng.random()
        settings: dict[str, object] = {
            "output_format": rng.choice(FORMATS),
            "language": rng.choice(LANGUAGES),
            "style": {style: rng.uniform(0.1, 1) for style in STYLES},
            "speed": rng.uniform(2, 4),
            "seed": rng.randrange(2**32),
        }
        text = f"{rng.randrange(100)} {sentence(8, rng)}"
        if number < 0.5:
            yield "/generate/simple", {"text": text, **settings}
        elif number < 0.7:
            yield "/generate/segmented", {"segments": [{"text": text, "pause_after": 0.1}, {"text": "So."}], **settings}
        elif number < 0.85:
            yield "/generate/stream", {"text": text, **settings}
        else:
            format = {"response_format": settings["output_format"], "speed": settings["speed"]}
            yield "/v1/audio/speech", {"model": "tts-1", "voice": "alloy", "input": text, **format}


async def serve(http: httpx.AsyncClient, requests: Iterator[Body], count: int, clients: int) -> Counter[str]:
    """`count` requests by so many clients at once; returns how many had which status, or left."""
    numbers = iter(range(1, count + 1))
    answers: Counter[str] = Counter()

    async def client() -> None:
        for number in numbers:
            path, body = next(requests)
            answers[await _ask(http, number, path, body)] += 1

    await asyncio.gather(*(client() for _ in range(clients)))
    return answers


async def _ask(http: httpx.AsyncClient, number: int, path: str, body: dict[str, object]) -> str:
    if number % WRONG_EVERY == 0:
        body = {**body, "speed": "fast"}
    patience = PATIENCE if number % LEAVE_EVERY == 0 else None
    try:
        async with asyncio.timeout(patience):
            return str((await http.post(path, json=body)).status_code)
    except TimeoutError:
        return "left"


async def until_idle(http: httpx.AsyncClient, seconds: float) -> None:
    """Until no slot is taken, and then as long as it takes for idle connections between the processes to close."""
    while _busy(await http.get("/health")):  # noqa: ASYNC110 - a server elsewhere has no event for us
        await asyncio.sleep(0.2)
    await asyncio.sleep(seconds)


def _busy(health: httpx.Response) -> bool:
    slots = health.json()["slots"]
    return bool(slots["live"] or slots["waiting"])
