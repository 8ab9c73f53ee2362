"""Bytes that are made in one place and read in another, each at its own pace. Knows nothing of audio and HTTP."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from threading import Lock
from typing import Any, Final

from runners.errors import Overloaded

MOST_UNREAD: Final = 512 * 2**20  # bytes that the flows of a server may hold together
FREE: Final = 2**20  # bytes that each may hold in any case: who reads as it comes holds less
_END = b""


class Unread:
    """How many bytes wait for their readers, over all flows that share it. May be used by threads."""

    def __init__(self, most: int = MOST_UNREAD) -> None:
        self._most = most
        self._held = 0
        self._lock = Lock()

    @property
    def full(self) -> bool:
        return self._held > self._most

    def add(self, size: int) -> None:
        with self._lock:
            self._held += size


class Flow:
    """What is put here, for one reader. Putting never waits for the reader; what is not read yet is kept here."""

    def __init__(self, unread: Unread) -> None:
        self._unread = unread
        self._held = 0  # bytes, ours of `unread`
        self._closed = False
        self._lock = Lock()  # guards the two above
        self._loop = asyncio.get_running_loop()
        self._ready: asyncio.Queue[bytes] = asyncio.Queue()
        self._first = b""

    def put(self, data: bytes) -> None:
        """May be called from any thread."""
        self._count(len(data))
        self._loop.call_soon_threadsafe(self._ready.put_nowait, data)

    def check(self) -> None:
        """Raises Overloaded where the flows hold too much and this is one that is not read as it comes."""
        if self._unread.full and self._held > FREE:
            raise Overloaded("Too much audio waits in the server for clients that do not read it.", retry_after=60)

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
        """Stops `making`, if it is not done, and drops what is not read."""
        self._making.cancel()
        await asyncio.wait([self._making])
        with self._lock:
            self._closed = True
            self._unread.add(-self._held)
            self._held = 0
        if not self._making.cancelled():
            self._making.exception()  # seen, as far as asyncio is concerned

    async def _next(self) -> bytes:
        parts = [await self._ready.get()]
        while not self._ready.empty():
            parts.append(self._ready.get_nowait())
        if parts[-1] == _END and len(parts) > 1:
            self._ready.put_nowait(_END)
        if chunk := b"".join(parts):
            self._count(-len(chunk))
            return chunk
        await self._making
        return _END

    def _count(self, size: int) -> None:
        with self._lock:
            if not self._closed:  # a thread may still put
                self._held += size
                self._unread.add(size)
