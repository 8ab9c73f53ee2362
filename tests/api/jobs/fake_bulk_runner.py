"""A runner that says each text as a tone of its own length. It speaks the real wire, and fails as it is told to."""

import asyncio
import base64
import dataclasses
import threading
from collections import Counter
from typing import Any

import httpx
import numpy as np
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from api.runner_client import RunnerClient
from runners.errors import EngineFailure, InvalidInput, StorageAway
from runners.types import Audio, Failed, Finished, Load, ModelCard, PieceDone, Status, StopReason
from runners.wire import pack

RATE = 24_000
CARD = ModelCard("fake", True, "cpu", "fp32", RATE, ("en", "hu"), ("Demo Low",))


class FakeBulkRunner:
    def __init__(self, slots: int = 1) -> None:
        self.slots = slots
        self.said: Counter[str] = Counter()
        self.calls: list[int] = []  # how many texts came in each
        self.broken = 0  # items to fail as an engine does, before all goes well
        self.away = 0  # items whose voice cannot be read, since the bucket is away
        self.down = 0  # calls to answer with nothing
        self.dropped = 0  # calls whose caller has left
        self.may_answer = threading.Event()  # jobs have a loop of their own
        self.may_answer.set()

    def client(self) -> RunnerClient:
        routes = [
            Route("/status", self.status, methods=["POST"]),
            Route("/synthesize_batch", self.synthesize_batch, methods=["POST"]),
        ]
        transport = httpx.ASGITransport(Starlette(routes=routes))
        return RunnerClient(httpx.AsyncClient(transport=transport, base_url="http://runner", timeout=None))

    async def status(self, request: Request) -> Response:
        return JSONResponse(dataclasses.asdict(Status(CARD, Load(self.slots, 0, 0, 0))))

    async def synthesize_batch(self, request: Request) -> Response:
        items = (await request.json())["items"]
        self.calls.append(len(items))
        try:
            while not self.may_answer.is_set():  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        except asyncio.CancelledError:
            self.dropped += 1
            raise
        if self.down:
            self.down -= 1
            return Response(status_code=500)
        return JSONResponse([self._say(item["utterance"]) for item in items])

    def _say(self, utterance: dict[str, Any]) -> str:
        self.said[utterance["text"]] += 1
        if "?!" in utterance["text"]:
            return packed(Failed(InvalidInput("There is nothing to say here.", param="text")))
        if self.broken:
            self.broken -= 1
            return packed(Failed(EngineFailure("The engine was lost.")))
        if self.away:
            self.away -= 1
            return packed(Failed(StorageAway("The store does not answer.")))
        samples = np.full(len(utterance["text"]) * 240, 0.1, np.float32)  # 10 ms a character
        done = PieceDone(0, 0, 3, StopReason.STOP_CODE)
        return packed(Audio(0, 0, samples), done, Finished())


def packed(*events: Any) -> str:
    return base64.b64encode(b"".join(map(pack, events))).decode()
