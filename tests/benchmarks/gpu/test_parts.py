"""A part that raises, dies or hangs: what is told of it, and that nothing of it is left."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil

from benchmarks.gpu.parts import Outcome, Part, Row, attempt

COLUMNS = ("what", "figure")
LONG = 300.0  # seconds, for what does not take them


def whole(bench: Any) -> Iterator[Row]:
    yield ("first", str(bench))
    yield ("second", "2")


def raising(bench: Any) -> Iterator[Row]:
    yield ("first", "1")
    raise ValueError("one | two")


def dying(bench: Any) -> Iterator[Row]:
    yield ("first", "1")
    time.sleep(0.2)
    os._exit(3)


def hanging(bench: Any) -> Iterator[Row]:
    """`bench`: the file that tells which processes hang."""
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1000)"])
    bench.write_text(f"{os.getpid()} {child.pid}")
    yield ("first", "1")
    time.sleep(1000)


def outcome_of(measure: Any, bench: Any = 7, seconds: float = LONG) -> tuple[Outcome, list[str]]:
    told: list[str] = []
    return attempt(Part("A part", COLUMNS, measure, LONG), bench, seconds, told.append), told


def test_rows_are_told_one_by_one_below_their_columns() -> None:
    found, told = outcome_of(whole)
    assert (found.rows, found.fault) == ((("first", "7"), ("second", "2")), "")
    assert told[0] == "\n## A part\n\n| what | figure |\n| --- | ---: |"
    assert told[1:3] == ["| first | 7 |", "| second | 2 |"]
    assert told[3].startswith("\nDone. (")
    assert found.table.rows == list(found.rows)


def test_what_was_measured_before_an_error_is_kept_and_the_error_is_told() -> None:
    found, told = outcome_of(raising)
    assert found.rows == (("first", "1"),)
    assert found.fault == "ValueError: one / two"
    assert "Traceback" in told[-1]
    assert "ValueError: one | two" in told[-1]
    assert found.table.rows == [("first", "1"), ("ValueError: one / two", "")]


def test_a_process_that_dies_is_told_by_its_exit_code() -> None:
    found, _ = outcome_of(dying)
    assert (found.rows, found.fault) == ((("first", "1"),), "its process died, exit code 3")


def test_what_takes_too_long_is_ended_with_all_that_it_started(tmp_path: Path) -> None:
    notes = tmp_path / "processes"
    found, told = outcome_of(hanging, notes, seconds=30.0)
    assert (found.rows, found.fault) == ((("first", "1"),), "cut after 30 s")
    assert "| first | 1 |" in told
    for process in map(int, notes.read_text().split()):
        assert not psutil.pid_exists(process) or psutil.Process(process).status() == psutil.STATUS_ZOMBIE
