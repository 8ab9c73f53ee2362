"""Findings, made up, come out as tables and a plot."""

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from benchmarks.growth import report
from benchmarks.growth.insides import LatentsTimes
from benchmarks.growth.processes import Footprint
from benchmarks.growth.report import Findings, Mark
from benchmarks.growth.run import plan_for
from benchmarks.options import SPEED
from benchmarks.report import Report, between_markers, publish
from tests.benchmarks.machine import MACHINE

PLAN = plan_for("cpu", quick=True)


@pytest.fixture
def found() -> Findings:
    held = Footprint(3, 1_500_000_000, None, 20, 50, {"XTTSRunner": 1_200_000_000, "": 300_000_000})
    steps = [0.05, 0.06, 0.07]
    return Findings(
        PLAN,
        marks=[Mark(mark, held) for mark in PLAN.marks],
        answers={"200": 190, "422": 10},
        starts={"demo": [12.0]},
        latents=[LatentsTimes(miss=1.5, disk=0.002, memory=0.0001)],
        slot_bytes=267_000_000,
        by_slots=dict.fromkeys(PLAN.slots, steps),
        by_length={live: dict.fromkeys(PLAN.lengths, steps) for live in (1, PLAN.slots[-1])},
    )


def test_tables_hold_what_was_found(found: Findings) -> None:
    served, once, by_slots, by_length = report.tables(found)
    for table in (served, once, by_slots, by_length):
        assert {len(row) for row in table.rows} == {len(table.columns)}
    assert served.rows[-1] == [str(PLAN.marks[-1]), "1500.0", "", "20", "50", "3"]
    assert ["latents of a voice of three clips, in memory", "0.10 ms", "1 ms"] in once.rows
    assert by_slots.rows[-1] == ["4", "60.0 (50.0 to 70.0)", "15.0"]
    assert len(by_length.rows) == len(PLAN.lengths)


def test_it_can_be_published_and_the_readme_has_a_place_for_it(found: Findings, tmp_path: Path) -> None:
    tables, plots = report.tables(found), [report.plot(found)]
    publish(Report("growth", report.METHOD, MACHINE, asdict(found), tables, plots), tmp_path)
    assert json.loads((tmp_path / "growth.json").read_text())["answers"] == {"200": 190, "422": 10}
    assert between_markers(SPEED.read_text(encoding="utf-8"), "growth", "here")


@pytest.mark.parametrize("device", ["cpu", "cuda"])
@pytest.mark.parametrize("quick", [True, False])
def test_plans_stay_within_what_a_slot_holds(device: str, quick: bool) -> None:
    plan = plan_for(device, quick=quick)
    assert max(plan.lengths) + 8 < 32 + 402 + 602
    assert plan.slots[0] == 1
    assert sorted(plan.slots) == list(plan.slots)
