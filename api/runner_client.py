"""The runner as the API sees it: events of a request in, whole utterances out. Knows the proxy, not the engine."""

import asyncio
import sys
from collections import defaultdict
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Protocol

import httpx
import numpy as np
from bentoml.exceptions import BentoMLException
from numpy.typing import NDArray

from runners.errors import EngineFailure, ModelLoading
from runners.types import Audio, Event, Failed, Finished, PieceDone, Status, Utterance
from runners.wire import Unpacker

STATUS_TIMEOUT = 2.0  # seconds; a runner that is loading does not answer at all


@dataclass(frozen=True, slots=True)
class Speech:
    """What one utterance came out as."""

    pieces: tuple[NDArray[np.float32], ...]  # float32 mono; several where the text was over the model's limit
    done: tuple[PieceDone, ...]  # one a piece


class RunnerProxy(Protocol):
    """BentoML's async view of `XTTSRunner`."""

    def speak(self, utterances: list[Utterance]) -> AsyncGenerator[bytes, None]: ...
    async def status(self) -> Status: ...


def widen(proxy: Any) -> Any:
    """BentoML's client, without httpx's cap of 100 connections: requests would wait for one where nobody counts
    them. The engine's own queue is what turns requests away."""
    client = proxy.client
    client._transport._pool._max_connections = sys.maxsize
    return proxy


class RunnerClient:
    def __init__(self, proxy: RunnerProxy) -> None:
        self._proxy = proxy

    async def status(self) -> Status:
        """The loaded model and how busy it is.

        Raises:
            ModelLoading: the runner does not answer yet.
        """
        try:
            async with asyncio.timeout(STATUS_TIMEOUT):
                return await self._proxy.status()
        except (TimeoutError, httpx.HTTPError, BentoMLException):
            raise ModelLoading("the model is still loading") from None

    async def events(self, utterances: Sequence[Utterance]) -> AsyncGenerator[Event, None]:
        """Everything the engine says of the request, as it comes. Closing this frees the request's slots.

        Raises:
            SpeechError: the request failed.
        """
        unpacker = Unpacker()
        try:
            async with aclosing(self._proxy.speak(utterances=list(utterances))) as chunks:
                async for chunk in chunks:
                    for event in unpacker.feed(chunk):
                        if isinstance(event, Failed):
                            raise event.error
                        if isinstance(event, Finished):
                            return
                        yield event
        except (httpx.HTTPError, BentoMLException) as error:
            raise EngineFailure("the model's process went away while it worked on this request") from error
        raise EngineFailure("the model's process went away while it worked on this request")

    async def speak(self, utterances: Sequence[Utterance]) -> list[Speech]:
        """All utterances, decoded together, in the order of the request."""
        parts: dict[tuple[int, int], list[NDArray[np.float32]]] = defaultdict(list)
        done: dict[tuple[int, int], PieceDone] = {}
        async with aclosing(self.events(utterances)) as events:
            async for event in events:
                match event:
                    case Audio(utterance, piece, samples):
                        parts[utterance, piece].append(samples)
                    case PieceDone(utterance, piece):
                        done[utterance, piece] = event
        order = [sorted(key for key in done if key[0] == index) for index in range(len(utterances))]
        return [
            Speech(tuple(np.concatenate(parts[key]) for key in keys), tuple(done[key] for key in keys))
            for keys in order
        ]
