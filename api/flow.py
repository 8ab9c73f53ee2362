"""Bytes that are made in one place and read in another, each at its own pace. Knows nothing of audio and HTTP."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

Give = Callable[[bytes], object]  # may be called from any thread

_END = b""


class Flow:
    """What `make` gives. It is made at once and never waits for the reader; what is not read yet is kept here."""

    def __init__(self, make: Callable[[Give], Coroutine[Any, Any, None]]) -> None:
        loop = asyncio.get_running_loop()
        self._ready: asyncio.Queue[bytes] = asyncio.Queue()

        def give(data: bytes) -> None:
            loop.call_soon_threadsafe(self._ready.put_nowait, data)

        self._making = loop.create_task(make(give))
        self._making.add_done_callback(lambda _: self._ready.put_nowait(_END))
        self._first = b""

    @classmethod
    async def begin(cls, make: Callable[[Give], Coroutine[Any, Any, None]]) -> "Flow":
        """Returns once there are bytes, or all is over without any. Raises what `make` raised before it gave any."""
        flow = cls(make)
        try:
            flow._first = await flow._next()
        except BaseException:
            await flow.aclose()
            raise
        return flow

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """As much at a time as there is. Raises what `make` raised, after what it gave before."""
        chunk = self._first
        while chunk:
            yield chunk
            chunk = await self._next()

    async def aclose(self) -> None:
        """Stops the making, if it is not done."""
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
