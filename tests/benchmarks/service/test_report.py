"""Findings, made up, come out as the tables and the data that they are."""

import json
from pathlib import Path

import pytest

from benchmarks import mix
from benchmarks.options import SPEED
from benchmarks.report import Report, between_markers, publish
from benchmarks.service import report
from benchmarks.service.clients import Heard
from benchmarks.service.contest import BARE, BATCHING, FIRST_COME, LOCK, OURS, Cell, Findings
from benchmarks.service.player import Chunk
from benchmarks.service.run import plan_for
from tests.benchmarks.machine import MACHINE

PLAN = plan_for("cpu", quick=True)


def answered(kind: str, seconds: float, audio: float) -> Heard:
    return Heard(kind, 0.0, [Chunk(seconds, audio)], seconds)


@pytest.fixture
def found() -> Findings:
    """A text takes 2 s behind the lock, 1 s elsewhere, and is a second of audio."""
    alone = {
        name: {kind.name: [answered(kind.name, pace * kind.texts, kind.texts)] for kind in mix.MIX}
        for name, pace in ((LOCK, 2.0), (BATCHING, 1.0), (FIRST_COME, 1.0), (OURS, 1.0))
    }
    closed = {BARE: [10.0, 12.0], BATCHING: [4.0, 6.0], FIRST_COME: [9.0, 9.0], OURS: [9.0, 10.8]}
    unfinished = Heard("short", 1.0)
    cells = [Cell(0.8, 2.0, name, [answered("short", 3.0, 1.0), unfinished], []) for name in (LOCK, BATCHING, OURS)]
    return Findings(alone=alone, closed=closed, cells=cells)


def test_capacity_is_by_the_closed_loop_and_of_a_lock_by_how_long_each_request_takes(found: Findings) -> None:
    assert found.audio(OURS) == pytest.approx(2.1)
    assert found.capacity(LOCK) == pytest.approx(1 / 4.2)
    assert found.capacity(OURS) == pytest.approx(9.9 / 2.1)


def test_every_cell_is_a_row_and_what_did_not_finish_is_infinite(found: Findings) -> None:
    table = report.loads(found, PLAN)
    assert {len(row) for row in table.rows} == {len(table.columns)}
    lock, _, ours = table.rows
    assert lock[:5] == [f"0.8, {LOCK}", "2.00 (8.40)", "2", "0", "1"]
    assert ours[1] == "2.00 (0.42)"
    assert ours[5] == "3.00 / ∞ / ∞"


def test_ratios_to_the_bare_engine_are_taken_round_by_round(found: Findings) -> None:
    table = report.capacities(found)
    assert {len(row) for row in table.rows} == {len(table.columns)}
    assert table.rows[3][5] == "0.90"
    assert table.rows[1][5] == "0.45 (0.40 to 0.50)"


def test_it_can_be_published_and_the_readme_has_a_place_for_it(found: Findings, tmp_path: Path) -> None:
    tables = [report.loads(found, PLAN), report.capacities(found)]
    plots = [report.plot(found, PLAN)]
    publish(Report("service", "So.", MACHINE, report.data(found, PLAN), tables, plots), tmp_path)
    written = json.loads((tmp_path / "service.json").read_text())
    assert [cell["requests"][1]["latency"] for cell in written["loaded"]] == [None] * 3
    assert between_markers(SPEED.read_text(encoding="utf-8"), "service", "here")
