"""One run of a batch: so many samples at a time, each from request to file and manifest entry, with a line for each."""

import asyncio
import sys
import time
from collections.abc import Iterator

from tqdm import tqdm

from api.jobs.manifest import Entry
from api.jobs.schemas import Sample
from client.output import Output
from client.server import SampleFailed, Server


class Run:
    def __init__(self, server: Server, output: Output, concurrency: int) -> None:
        self._server = server
        self._output = output
        self._concurrency = concurrency
        self._waiting: Iterator[Sample] = iter(output.todo)
        self._bar = tqdm(total=len(output.todo), file=sys.stderr, disable=not sys.stderr.isatty(), unit="sample")
        self._finished: list[Entry] = []
        self._began = time.perf_counter()

    def note(self, line: str) -> None:
        """A line above the bar, if there is one."""
        self._bar.write(line, file=sys.stdout)
        sys.stdout.flush()

    async def all(self) -> None:
        """Makes what is to be made. A sample that fails is an entry and stops nothing.

        Raises ServerUnreachable, and OSError where the folder cannot be written; the rest is left undone.
        """
        self._began = time.perf_counter()
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(self._concurrency):
                    group.create_task(self._next())
        except BaseExceptionGroup as several:
            raise several.exceptions[0] from None  # they stopped for one reason; one is enough to tell it
        finally:
            self._output.write()
            self._bar.close()

    async def _next(self) -> None:
        for sample in self._waiting:  # shared: each worker takes the next
            began = time.perf_counter()
            files: dict[str, bytes] = {}
            try:
                entry, files = await self._server.synthesize(sample)
            except SampleFailed as error:
                entry = Entry.of(sample, error=error.fault)
            entry.wall_seconds = round(time.perf_counter() - began, 3)
            self._output.add(entry, files)
            self._finished.append(entry)
            self.note(f"[{len(self._finished)}/{self._bar.total}] {_line(entry)}")
            self._bar.update()

    def summary(self) -> str:
        """How fast it was, and what failed."""
        made = [entry for entry in self._finished if entry.file]
        failed = [f"  {entry.id}  {entry.error}" for entry in self._finished if entry.error]
        speed = _speed(sum(entry.duration for entry in made), time.perf_counter() - self._began)
        lines = [f"{len(made)} generated: {speed}"] if made else []
        return "\n".join([*lines, *([f"{len(failed)} failed:", *failed] if failed else [])])


def _line(entry: Entry) -> str:
    wall = entry.wall_seconds or 0.0
    if entry.error:
        return f"{entry.id}  failed after {wall:.2f} s: {entry.error}"
    return f"{entry.id}  {_speed(entry.duration, wall)}"


def _speed(audio: float, wall: float) -> str:
    """RTF, the real-time factor: seconds of work for a second of audio."""
    factor = f"{wall / audio:.3f}" if audio else "-"
    return f"{audio:.2f} s audio  {wall:.2f} s wall  RTF {factor}"
