"""The runner as the API sees it: a request's utterances in, its events or its whole speech out; a voice in, its
latents out. Knows no engine.
"""

import asyncio
import base64
import dataclasses
import json
import logging
import uuid
from collections import defaultdict
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from contextlib import aclosing, suppress
from typing import Any

import httpx
import numpy as np
from numpy.typing import NDArray

from api.observe.record import record
from runners.errors import EngineFailure, ModelLoading, SpeechError
from runners.request_id import HEADER, request_id
from runners.types import (
    Audio,
    Event,
    Failed,
    Finished,
    LatentsReady,
    Load,
    ModelCard,
    Status,
    Utterance,
    Voice,
)
from runners.wire import CALL, Unpacker

log = logging.getLogger(__name__)

STATUS_TIMEOUT = 2.0  # seconds; a runner that is loading, or was lost, does not answer
GONE = "The model's process went away while it worked on this request. Try again."


Pieces = tuple[NDArray[np.float32], ...]  # an utterance, mono; several where its text was over the model's limit


class RunnerClient:
    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http
        self._model: ModelCard | None = None

    async def model(self) -> ModelCard:
        """The loaded model; asked for once, and again after the runner was lost.

        Raises:
            ModelLoading: the runner has not answered yet.
        """
        if self._model is None:
            self._model = (await self.status()).model
        return self._model

    async def status(self) -> Status:
        """The loaded model and how busy it is, right now.

        Raises:
            ModelLoading: the runner does not answer yet.
        """
        try:
            async with asyncio.timeout(STATUS_TIMEOUT):
                response = await self._http.post("/status", json={})
                response.raise_for_status()
        except (TimeoutError, httpx.HTTPError) as error:
            if isinstance(error, httpx.HTTPStatusError):
                log.error("The model's process is there, but says: %s", error)
            raise ModelLoading("The model is still loading.") from None
        fields: dict[str, Any] = response.json()
        lists = {name: tuple(fields["model"][name]) for name in ("languages", "speakers")}
        return Status(ModelCard(**{**fields["model"], **lists}), Load(**fields["load"]))

    async def ready(self) -> bool:
        with suppress(ModelLoading):
            await self.status()
            return True
        return False

    def events(self, utterances: Sequence[Utterance], *, listening: bool = False) -> AsyncGenerator[Event, None]:
        """The events of the request, as they come. Closing this frees the request's slots.

        `listening`: somebody plays the first utterance while the rest is made.

        Raises:
            SpeechError: the request failed.
        """
        record().asked(utterances)
        items = [dataclasses.asdict(utterance) for utterance in utterances]
        return self._events("/synthesize", {"utterances": items, "listening": listening})

    async def latents(self, styles: Mapping[str, Voice]) -> bytes:
        """The latents of each style of a voice, as a file (see runners/conditioning/voice_file.py).

        Raises:
            SpeechError: one of them cannot be conditioned on.
        """
        body = {"styles": {style: dataclasses.asdict(voice) for style, voice in styles.items()}}
        async with aclosing(self._events("/latents", body)) as events:
            async for event in events:
                if isinstance(event, LatentsReady):
                    return event.latents
        raise EngineFailure(GONE)

    async def _events(self, route: str, body: dict[str, Any]) -> AsyncGenerator[Event, None]:
        unpacker = Unpacker()
        rate = self._model.sample_rate if self._model else None
        try:
            async with self._http.stream("POST", route, json=body, headers={HEADER: request_id.get()}) as response:
                response.raise_for_status()
                async for chunk in response.aiter_raw():
                    for event in unpacker.feed(chunk):
                        if isinstance(event, Failed):
                            raise event.error
                        if isinstance(event, Finished):
                            return
                        if isinstance(event, Audio) and rate is not None:
                            record().arrived(len(event.samples) / rate)
                        yield event
        except httpx.HTTPError as error:
            self._lost(error)
            raise EngineFailure(GONE) from error
        self._model = None
        raise EngineFailure(GONE)

    def _lost(self, error: httpx.HTTPError) -> None:
        log.error("The model's process was lost: %s: %s", type(error).__name__, error)
        self._model = None  # so that the next request asks whether there is one again

    async def synthesize_bulk(self, utterances: Sequence[Utterance]) -> list[Pieces | SpeechError]:
        """Each utterance's speech or what it failed of, when all are there and nobody else waits for the engine.

        A cancelled call takes its utterances out of the engine.

        Raises:
            EngineFailure: the runner went away; nothing is known of any of them.
        """
        call = uuid.uuid4().hex
        items = [{"call": call, "utterance": dataclasses.asdict(utterance)} for utterance in utterances]
        try:
            response = await self._http.post("/synthesize_batch", json={"items": items}, headers={CALL: call})
            response.raise_for_status()
        except httpx.HTTPError as error:
            self._lost(error)
            raise EngineFailure(GONE) from error
        return await asyncio.to_thread(_read_batch, response.content)


def _joined(events: Iterable[Event]) -> Pieces:
    """Of one utterance."""
    parts: dict[int, list[NDArray[np.float32]]] = defaultdict(list)
    for event in events:
        if isinstance(event, Audio):
            parts[event.piece].append(event.samples)
    return tuple(np.concatenate(parts[piece]) for piece in sorted(parts))


def _read_batch(answer: bytes) -> list[Pieces | SpeechError]:
    """What `synthesize_batch` answers. Takes as long as the audio is long, so it belongs in a thread."""
    return [_read_item(base64.b64decode(item)) for item in json.loads(answer)]


def _read_item(frames: bytes) -> Pieces | SpeechError:
    events = list(Unpacker().feed(frames))
    match events[-1:]:
        case [Failed(error)]:
            return error
        case [Finished()]:
            return _joined(events)
    return EngineFailure(GONE)
