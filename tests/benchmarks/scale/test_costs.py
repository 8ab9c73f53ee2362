"""Times of another machine, a made-up GPU's, as the engine and growth benchmarks write them."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from benchmarks.engine.measures import Profile, Take
from benchmarks.engine.report import report
from benchmarks.engine.turns import Plan, Results, Variant
from benchmarks.growth.report import Findings
from benchmarks.growth.report import Plan as GrowthPlan
from benchmarks.options import RESULTS, Options
from benchmarks.report import publish
from benchmarks.scale.costs import Costs
from benchmarks.scale.report import NO_GPU
from benchmarks.scale.run import run
from benchmarks.xtts import CODE_SECONDS
from tests.benchmarks.machine import MACHINE

GPU = replace(MACHINE, device="cuda", gpu="Some GPU", gpu_memory=80.0)
PLAN = Plan(codes=100, repeats=1, concurrencies=(1, 16, 64))


@pytest.fixture
def measured(tmp_path: Path) -> Path:
    """64 texts in 3 s; alone in 1 s, with first audio after 0.2 s."""
    seconds = {Variant("upstream", 1): 2.0}
    seconds |= {Variant("ours, fp16", live): 1.0 + (live - 1) * 2 / 63 for live in PLAN.concurrencies}
    takes = {
        each: [
            Take(took, each.concurrency * 100 * CODE_SECONDS, (0.2 * took,), 10**9, Profile(took, 0.1, 0.01, 1, 0.1))
        ]
        for each, took in seconds.items()
    }
    warm_up = {each: some[0] for each, some in takes.items()}
    profiles = {each: [take.profile for take in some if take.profile] for each, some in takes.items()}
    results = Results(warm_up, takes, profiles, [0.5], {"upstream": 1, "ours, fp16": 1}, [3000.0])
    publish(report(PLAN, GPU, results), tmp_path)
    found = Findings(GrowthPlan((1,), (64,), 1, (20,), 8), starts={"demo": [10.0], "xtts": [30.0, 31.0, 40.0]})
    (tmp_path / "growth.json").write_text(json.dumps(asdict(found)))
    return tmp_path


def test_they_are_read_as_they_were_written(measured: Path) -> None:
    costs = Costs.measured(measured)
    assert (costs.device, costs.slots, costs.start, costs.live) == ("cuda", 64, 31.0, (1, 16, 64))
    assert costs.step(64) == pytest.approx((3.0 - 0.1) / 100)
    assert costs.first(1) == pytest.approx(0.2)


def test_a_page_of_that_machine_is_written_beside_its_figures(measured: Path) -> None:
    ours = (RESULTS / "scale.json").read_bytes()
    run(Options(quick=True, out=measured, cache=measured, measured=measured, price=2.0, peak=0.05))
    written = json.loads((measured / "scale.json").read_text())
    assert written["hardware"]["gpu"] == "Some GPU"
    assert {setting["slots"] for setting in written["settings"]} == {64}
    assert NO_GPU not in (measured / "scale.md").read_text()
    assert (RESULTS / "scale.json").read_bytes() == ours


def test_a_folder_without_them_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Costs.measured(tmp_path)
