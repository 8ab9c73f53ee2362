"""Speakers at the other end of an HTTP connection: `POST /generate/stream` with raw samples as the answer."""

from collections.abc import AsyncIterator

import httpx

from benchmarks.mix import Ask
from benchmarks.service.clients import Refused, Speaker
from benchmarks.texts import LANGUAGE

BYTES_A_SECOND = 2 * 24_000  # 16 bits a sample


def connect(url: str) -> httpx.AsyncClient:
    """Never the one that a request waits for: no limit to connections, no time-out."""
    return httpx.AsyncClient(base_url=url, timeout=None, limits=httpx.Limits())


def speaker(http: httpx.AsyncClient, voice: str) -> Speaker:
    async def say(ask: Ask) -> AsyncIterator[float]:
        try:
            async with http.stream("POST", "/generate/stream", json=body(ask, voice)) as answer:
                if answer.is_error:
                    raise Refused(f"{answer.status_code} {(await answer.aread()).decode(errors='replace')[:200]}")
                async for chunk in answer.aiter_raw():
                    yield len(chunk) / BYTES_A_SECOND
        except httpx.HTTPError as error:
            raise Refused(repr(error)) from error

    return say


def body(ask: Ask, voice: str) -> dict[str, object]:
    """Nothing is trimmed: all have the same sound to send."""
    segments = [{"text": text} for text in ask.texts]
    return {"segments": segments, "voice": voice, "language": LANGUAGE, "output_format": "pcm", "trim_silence": False}
