"""A part of a benchmark in a process of its own: its rows are told as they come, and its time is bounded.

What hangs, or loses the device, is ended with all that it has started; the parts after it begin afresh.
"""

import logging
import multiprocessing
import os
import signal
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from typing import TYPE_CHECKING

from benchmarks.report import Table

if TYPE_CHECKING:
    from benchmarks.gpu.bench import Bench

Row = tuple[str, ...]  # cells as they are to be read

PATIENCE = 5.0  # seconds for a process to end whose line is closed


@dataclass(frozen=True, slots=True)
class Part:
    title: str
    columns: tuple[str, ...]
    measure: "Callable[[Bench], Iterator[Row]]"  # a module's function: another process calls it
    limit: float  # seconds it may take


@dataclass(frozen=True, slots=True)
class Outcome:
    part: Part
    rows: tuple[Row, ...]
    seconds: float
    fault: str  # why there are not all rows; empty if there are

    @property
    def table(self) -> Table:
        """The rows that there are, and the fault after them."""
        said = (self.fault, *[""] * (len(self.part.columns) - 1))
        return Table(self.part.title, self.part.columns, [*self.rows, *([said] if self.fault else [])])


def attempt(part: Part, bench: "Bench", seconds: float, tell: Callable[[str], object]) -> Outcome:
    """Run the part for `seconds` at most. Whatever happens to it is in the outcome; nothing is raised.

    `tell` gets the table line by line, each as soon as it is known, and the traceback of a part that raises.
    """
    context = multiprocessing.get_context("spawn")  # CUDA does not survive a fork
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_measure, args=(theirs, part, bench))
    begun = time.monotonic()
    rows: list[Row] = []
    tell(f"\n## {part.title}\n\n{Table(part.title, part.columns, []).markdown()}")
    process.start()
    theirs.close()
    try:
        while ours.poll(max(0.0, begun + seconds - time.monotonic())):
            said = ours.recv()
            if isinstance(said, str):
                fault = said
                break
            rows.append(said)
            tell(f"| {' | '.join(said)} |")
        else:
            fault = f"cut after {seconds:.0f} s"
    except EOFError:
        process.join(PATIENCE)
        fault = f"its process died, exit code {process.exitcode}"
    finally:
        _end(process)
    spent = time.monotonic() - begun
    tell(f"\n{fault or 'Done.'} ({spent:.0f} s)")
    last = fault.strip().splitlines()[-1:] or [""]
    return Outcome(part, tuple(rows), spent, last[0].replace("|", "/"))


def _measure(line: Connection, part: Part, bench: "Bench") -> None:
    """In the process, which leads a group of its own, so that all that it starts can be ended with it.

    Sends the rows, and then the traceback of what was raised, or an empty text.
    """
    os.setpgid(0, 0)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    try:
        for row in part.measure(bench):
            line.send(row)
        line.send("")
    except Exception:  # whatever it is, it is told, and the other parts go on
        line.send(traceback.format_exc())


def _end(process: SpawnProcess) -> None:
    """End it, with its group if it has one already."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid or 0, signal.SIGKILL)
    process.kill()
    process.join()
