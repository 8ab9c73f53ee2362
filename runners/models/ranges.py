"""Reads a remote file in ranges, several at a time, and appends them in order: what is there is always a beginning."""

import logging
import os
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from runners.models.progress import progress_bar

logger = logging.getLogger(__name__)

RANGE = 8 * 2**20  # bytes
AT_ONCE = 8
ATTEMPTS = 3
PATIENCE = 0.5  # seconds before the second attempt, and twice as long before each further one
HOPELESS = (FileNotFoundError, PermissionError)


Read = Callable[[int, int], bytes]  # the first byte's place, the place after the last


class Unreadable(Exception):
    """A range that does not come, however often it is asked for. `read` may raise it, and then is not asked again."""

    def __init__(self, reason: Exception) -> None:
        super().__init__(str(reason))
        self.reason = reason  # what `read` raised


def append_in_parallel(read: Read, size: int, path: Path, name: str, range_size: int = RANGE) -> None:
    """Adds to `path` what it lacks of `size` bytes. Raises Unreadable, or OSError when `path` cannot be written."""
    start = path.stat().st_size
    ranges = deque((at, min(at + range_size, size)) for at in range(start, size, range_size))
    with (
        path.open("ab") as out,
        progress_bar()(total=size, initial=start, unit="B", unit_scale=True, desc=name) as progress,
        ThreadPoolExecutor(AT_ONCE) as threads,
    ):
        coming = deque(threads.submit(_read_whole, read, *ranges.popleft()) for _ in range(min(AT_ONCE, len(ranges))))
        try:
            while coming:
                content = coming.popleft().result()
                if ranges:
                    coming.append(threads.submit(_read_whole, read, *ranges.popleft()))
                out.write(content)
                progress.update(len(content))
        finally:
            threads.shutdown(wait=False, cancel_futures=True)
        out.flush()
        os.fsync(out.fileno())


def _read_whole(read: Read, start: int, end: int) -> bytes:
    """The bytes of a range, after as many attempts as it takes up to ATTEMPTS."""
    attempts = 0
    while True:
        attempts += 1
        try:
            return _exactly(read(start, end), start, end)
        except Unreadable:
            raise
        except Exception as error:  # each filesystem raises what its client library does
            if attempts == ATTEMPTS or isinstance(error, HOPELESS):
                raise Unreadable(error) from error
            logger.warning("Bytes %d to %d: %s: %s. Once more", start, end, type(error).__name__, error)
        time.sleep(PATIENCE * 2 ** (attempts - 1))


def _exactly(content: bytes, start: int, end: int) -> bytes:
    if len(content) != end - start:
        raise ValueError(f"the server sent {len(content)} bytes where it was asked for {end - start} from {start} on")
    return content
