"""What a server's processes hold, all of them together: memory, threads, open files. Linux only, by way of psutil."""

from collections import Counter
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
    by_service: dict[str, tuple[int, int, int]]  # RSS, threads, files by BentoML's name; "" starts the others


def footprint(pid: int) -> Footprint:
    """Of `pid` and its descendants. Raises psutil.NoSuchProcess when it has ended."""
    parent = psutil.Process(pid)
    family = [parent, *parent.children(recursive=True)]
    memory, threads, files = Counter[str](), Counter[str](), Counter[str]()
    for process in family:
        with suppress(psutil.NoSuchProcess):
            name = _service(process)
            memory[name] += process.memory_info().rss
            threads[name] += process.num_threads()
            files[name] += process.num_fds()
    return Footprint(
        processes=len(family),
        resident=memory.total(),
        proportional=_proportional(family),
        threads=threads.total(),
        files=files.total(),
        by_service={name: (memory[name], threads[name], files[name]) for name in memory},
    )


def _service(process: psutil.Process) -> str:
    arguments = process.cmdline()
    return arguments[arguments.index(SERVICE_OPTION) + 1] if SERVICE_OPTION in arguments else ""


def _proportional(family: list[psutil.Process]) -> int | None:
    total = 0
    for process in family:
        with suppress(psutil.NoSuchProcess):
            try:
                total += process.memory_full_info().pss
            except psutil.AccessDenied:
                return None
    return total
