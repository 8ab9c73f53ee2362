"""Reads a remote file in ranges, several at a time, and appends them in order: what is there is always a beginning."""

import logging
import os
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from runners.progress import progress_bar

logger = logging.getLogger(__name__)

RANGE = 8 * 2**20  # bytes
AT_ONCE = 8
ATTEMPTS = 3
PATIENCE = 0.5  # seconds before the second attempt, and twice as long before each further one

Read = Callable[[int, int], bytes]  # the first byte's place, the place after the last


def append_in_parallel(read: Read, size: int, path: Path, name: str, range_size: int = RANGE) -> None:
    """Adds to `path` what it lacks of `size` bytes. Raises what `read` does when that keeps failing."""
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
    pause = PATIENCE
    for attempts_left in reversed(range(ATTEMPTS)):
        try:
            content = read(start, end)
        except (FileNotFoundError, PermissionError):
            raise
        except Exception as error:  # each filesystem raises what its client library does
            if not attempts_left:
                raise
            logger.warning("Bytes %d to %d were cut (%s): once more", start, end, error)
        else:
            if len(content) == end - start:
                return content
            if not attempts_left:
                break
            logger.warning("Bytes %d to %d came as %d bytes: once more", start, end, len(content))
        time.sleep(pause)
        pause *= 2
    raise ValueError(f"the server does not send the ranges that it is asked for: {end - start} bytes at {start}")
