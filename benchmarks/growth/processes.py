"""What a server's processes hold, all of them together: memory, threads, open files. Linux only, by way of psutil."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass

import psutil

SERVICE_OPTION = "--service-name"  # of BentoML's worker processes


@dataclass(frozen=True, slots=True)
class Footprint:
    """Sums over a process and all that it started, but for short-lived ones that ended meanwhile. Memory in bytes."""

    processes: int
    resident: int  # RSS: what processes share counts once for each
    proportional: int | None  # PSS: what they share is shared out; None where the system does not tell
    threads: int
    files: int
    by_service: dict[str, int]  # RSS by BentoML's name of the service that a process runs; "" starts the others


def footprint(pid: int) -> Footprint:
    """Of `pid` and its descendants. Raises psutil.NoSuchProcess when it has ended."""
    parent = psutil.Process(pid)
    family = [parent, *parent.children(recursive=True)]
    by_service: Counter[str] = Counter()
    for process in family:
        with suppress(psutil.NoSuchProcess):
            by_service[_service(process)] += process.memory_info().rss
    return Footprint(
        processes=len(family),
        resident=sum(by_service.values()),
        proportional=_proportional(family),
        threads=sum(_each(family, lambda process: process.num_threads())),
        files=sum(_each(family, lambda process: process.num_fds())),
        by_service=dict(by_service),
    )


def _service(process: psutil.Process) -> str:
    arguments = process.cmdline()
    return arguments[arguments.index(SERVICE_OPTION) + 1] if SERVICE_OPTION in arguments else ""


def _proportional(family: list[psutil.Process]) -> int | None:
    with suppress(psutil.AccessDenied):
        return sum(_each(family, lambda process: process.memory_full_info().pss))
    return None


def _each(family: list[psutil.Process], ask: Callable[[psutil.Process], int]) -> Iterator[int]:
    for process in family:
        with suppress(psutil.NoSuchProcess):
            yield ask(process)
