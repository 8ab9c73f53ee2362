"""Our engine behind BentoML's adaptive batching: requests are collected into batches, one batch at a time.

Who comes while a batch runs waits for the last text of it, and nothing is heard of a request before its batch is over.
The engine is the one that the service runs on, so the scheduling alone makes the difference. The engine's process also
drives the bare engine, without HTTP, for comparison.
"""

import asyncio
import base64
import dataclasses
import random
from collections.abc import AsyncIterator, Sequence
from typing import Any

import bentoml
import numpy as np
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from api.audio.formats import encode
from api.schemas import SegmentedRequest
from api.sent_voice import name_of
from benchmarks.mix import Ask, asks
from benchmarks.service.clients import Heard, closed_loop
from benchmarks.service.schedulers.utterances import in_order, utterances
from bentoml_patches.proxy import connect
from runners.config import EngineConfig
from runners.types import Audio, Utterance

CONFIG = EngineConfig.from_env()
LARGEST_BATCH = max(CONFIG.slots or 8, 2)  # requests; each takes a slot or more, so that the engine is full
LONGEST_WAIT = 3_600_000  # milliseconds; BentoML turns away what it expects to take longer
RATE = 24_000  # Hz

app = FastAPI()


@bentoml.service(name="Batches", traffic={"timeout": 3600})
class Batches:
    def __init__(self) -> None:
        from runners.synthesizer import Synthesizer  # imports torch, which the other process does without

        self.synthesizer = Synthesizer.load(CONFIG)

    @bentoml.on_shutdown
    def stop(self) -> None:
        self.synthesizer.stop()

    @bentoml.api(batchable=True, max_batch_size=LARGEST_BATCH, max_latency_ms=LONGEST_WAIT)
    async def synthesize(self, requests: list[list[Utterance]]) -> list[str]:
        """A batch of requests: the samples of each as PCM in base64, once all are done."""
        return await asyncio.gather(*(self._whole(request) for request in requests))

    @bentoml.api
    async def bare(self, characters: int, seed: int, voice: str, clients: int, seconds: float) -> list[dict[str, Any]]:
        """A closed loop on the engine alone, in its own process."""

        async def say(ask: Ask) -> AsyncIterator[float]:
            async for event in self.synthesizer.synthesize(utterances(ask.texts, voice)):
                if isinstance(event, Audio):
                    yield len(event.samples) / RATE

        heard: list[Heard] = await closed_loop(say, asks(characters, random.Random(seed)), clients, seconds)
        return [dataclasses.asdict(record) for record in heard]

    async def _whole(self, request: Sequence[Utterance]) -> str:
        samples = np.concatenate([part async for part in in_order(self.synthesizer.synthesize(request))])
        return base64.b64encode(encode(samples, "pcm", RATE)).decode()


@bentoml.asgi_app(app)
@bentoml.service(name="Batched", traffic={"timeout": 3600})
class Batched:
    """The public side, in a process of its own as the service's is."""

    runner = bentoml.depends(Batches)

    def __init__(self) -> None:
        self.http = connect(self.runner.to_async.url)

    @app.post("/generate/stream")
    async def stream(self, body: SegmentedRequest) -> Response:
        texts = [segment.text for segment in body.segments]
        request = [dataclasses.asdict(utterance) for utterance in utterances(texts, name_of(body.voice))]
        answer = await self.http.post("/synthesize", json={"requests": [request]})
        if answer.is_error:
            return Response(answer.content, answer.status_code)
        return Response(base64.b64decode(answer.json()[0]), media_type="audio/pcm")

    @app.post("/bare")
    async def bare(self, request: Request) -> Response:
        answer = await self.http.post(
            "/bare", content=await request.body(), headers={"content-type": "application/json"}
        )
        return Response(answer.content, answer.status_code, media_type="application/json")
