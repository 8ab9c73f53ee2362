"""Utterances by the batch, each for as long as the call lasts that it came with. Knows no engine and no HTTP."""

import asyncio
import base64
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import aclosing, contextmanager

from runners.types import BulkUtterance, Utterance


class Bulk:
    def __init__(self, synthesize: Callable[[Utterance], AsyncGenerator[bytes, None]]) -> None:
        """`synthesize`: one utterance's events, packed. It raises nothing, and closing it cancels the utterance."""
        self._synthesize = synthesize
        self._calls: dict[str, set[asyncio.Task[str]]] = {}  # those in progress, and the tasks of their utterances

    @contextmanager
    def call(self, name: str) -> Iterator[None]:
        """The call's utterances are synthesized while this is open, and cancelled at its end."""
        self._calls[name] = set()
        try:
            yield
        finally:
            for task in self._calls.pop(name):
                task.cancel()

    async def synthesize(self, items: Sequence[BulkUtterance]) -> list[str]:
        """Each item's events in base64, once all are there. An item whose call is over has none."""
        return await asyncio.gather(*map(self._synthesize_one, items))

    async def _synthesize_one(self, item: BulkUtterance) -> str:
        if item.call not in self._calls:
            return ""
        task = asyncio.create_task(self._collect(item.utterance))
        self._calls[item.call].add(task)
        await asyncio.wait([task])
        return "" if task.cancelled() else task.result()

    async def _collect(self, utterance: Utterance) -> str:
        async with aclosing(self._synthesize(utterance)) as frames:
            return base64.b64encode(b"".join([frame async for frame in frames])).decode()
