"""What a server's processes hold, all of them together: memory, threads, open files. Linux only, by way of psutil."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass

import psutil


@dataclass(frozen=True, slots=True)
class Footprint:
    """Sums over a process and all that it started, but for short-lived ones that ended meanwhile. Memory in bytes."""

    processes: int
    resident: int  # RSS: what processes share counts once for each
    proportional: int | None  # PSS: what they share is shared out; None where the system does not tell
    threads: int
    files: int
    largest: tuple[int, ...]  # RSS of each, largest first: the one with the model leads


def footprint(pid: int) -> Footprint:
    """Of `pid` and its descendants. Raises psutil.NoSuchProcess when it has ended."""
    parent = psutil.Process(pid)
    family = [parent, *parent.children(recursive=True)]
    resident = list(_each(family, lambda process: process.memory_info().rss))
    return Footprint(
        processes=len(resident),
        resident=sum(resident),
        proportional=_proportional(family),
        threads=sum(_each(family, lambda process: process.num_threads())),
        files=sum(_each(family, lambda process: process.num_fds())),
        largest=tuple(sorted(resident, reverse=True)),
    )


def _proportional(family: list[psutil.Process]) -> int | None:
    with suppress(psutil.AccessDenied):
        return sum(_each(family, lambda process: process.memory_full_info().pss))
    return None


def _each(family: list[psutil.Process], ask: Callable[[psutil.Process], int]) -> Iterator[int]:
    for process in family:
        with suppress(psutil.NoSuchProcess):
            yield ask(process)
