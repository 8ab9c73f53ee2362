"""A runner that hears without a model: the latents of a file are made of its digest. Speaks the real wire."""

import dataclasses
import hashlib
from collections.abc import Mapping
from typing import Any

import httpx
import numpy as np
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from api.runner_client import RunnerClient
from runners.conditioning.voice_file import StyleLatents, VoiceLatents
from runners.errors import SpeechError
from runners.types import Failed, Finished, LatentsReady, Load, ModelCard, Status
from runners.wire import pack

CARD = ModelCard(
    name="fake",
    demo=True,
    device="cpu",
    precision="fp32",
    sample_rate=24_000,
    languages=("en", "hu", "zh-cn"),
    speakers=("Demo Low", "demo"),
    checkpoint="fake-identity",
)


class FakeRunner:
    def __init__(self, card: ModelCard = CARD) -> None:
        self.card = card
        self.loading = False
        self.deaf: SpeechError | None = None  # what it fails of, if it does
        self.heard: list[dict[str, Any]] = []  # voices, in the order they were asked for

    def client(self) -> RunnerClient:
        routes = [Route("/status", self.status, methods=["POST"]), Route("/latents", self.latents, methods=["POST"])]
        transport = httpx.ASGITransport(Starlette(routes=routes))
        return RunnerClient(httpx.AsyncClient(transport=transport, base_url="http://runner"))

    async def status(self, request: Request) -> Response:
        if self.loading:
            return Response(status_code=503)
        return JSONResponse(dataclasses.asdict(Status(self.card, Load(1, 0, 0, 0))))

    async def latents(self, request: Request) -> Response:
        styles = (await request.json())["styles"]
        self.heard += styles.values()
        if self.deaf is not None:
            return Response(pack(Failed(self.deaf)))
        file = VoiceLatents(self.card.checkpoint, self.card.name, {style: hear(styles[style]) for style in styles})
        return Response(pack(LatentsReady(file.pack())) + pack(Finished()))


def hear(voice: Mapping[str, Any]) -> StyleLatents:
    seed = hashlib.sha256(repr(sorted(voice.items())).encode()).digest()
    random = np.random.default_rng(list(seed))
    return StyleLatents(
        random.normal(size=(1, 32, 4)).astype(np.float32), random.normal(size=(1, 8, 1)).astype(np.float32)
    )
