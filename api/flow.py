"""Bytes that are made in one place and read in another, each at its own pace. Knows nothing of audio and HTTP."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from typing import Any

_END = b""


class Flow:
    """What is put here, for one reader. Putting never waits for the reader; what is not read yet is kept here."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._ready: asyncio.Queue[bytes] = asyncio.Queue()
        self._first = b""

    def put(self, data: bytes) -> None:
        """May be called from any thread."""
        self._loop.call_soon_threadsafe(self._ready.put_nowait, data)

    async def begin(self, making: Coroutine[Any, Any, None]) -> None:
        """Runs `making`, which puts, in a task of its own. Returns once there are bytes, or all is over without any.

        Raises what `making` raised before it put any.
        """
        self._making = self._loop.create_task(making)
        self._making.add_done_callback(lambda _: self._ready.put_nowait(_END))
        try:
            self._first = await self._next()
        except BaseException:
            await self.aclose()
            raise

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """As much at a time as there is. Raises what `making` raised, after what it put before."""
        chunk = self._first
        while chunk:
            yield chunk
            chunk = await self._next()

    async def aclose(self) -> None:
        """Stops `making`, if it is not done."""
        self._making.cancel()
        await asyncio.wait([self._making])
        if not self._making.cancelled():
            self._making.exception()  # seen, as far as asyncio is concerned

    async def _next(self) -> bytes:
        parts = [await self._ready.get()]
        while not self._ready.empty():
            parts.append(self._ready.get_nowait())
        if parts[-1] == _END and len(parts) > 1:
            self._ready.put_nowait(_END)
        if chunk := b"".join(parts):
            return chunk
        await self._making
        return _END
