"""Which precisions are measured, and what is told of them."""

import json
from pathlib import Path

import pytest
import torch

from benchmarks.accuracy.comparison import MIN_AGREEMENT, Accuracy
from benchmarks.accuracy.run import Plan, Result, data, method, precisions, table
from benchmarks.options import SPEED
from benchmarks.report import Report, between_markers, publish
from runners.errors import ConfigurationError
from runners.xtts.model import Model
from tests.benchmarks.machine import MACHINE

CPU = torch.device("cpu")


def test_the_precisions_are_those_asked_for_as_the_server_takes_them(model: Model) -> None:
    found = list(precisions(("auto", "fp32", "bf16"), model, CPU))
    assert [each.name for each in found] == ["int10", "fp32", "bf16"]
    assert [each.transformer for each in found[1:]] == [torch.float32, torch.bfloat16]


def test_what_no_cpu_can_do_in_a_day_is_refused(model: Model) -> None:
    with pytest.raises(ConfigurationError, match="XTTS_PRECISION=fp16: must be auto, int10 or fp32 on a CPU"):
        list(precisions(("fp16",), model, CPU))


def test_a_report_has_limits_beside_figures_and_the_readme_a_place_for_it(tmp_path: Path) -> None:
    plan = Plan(codes=43, lines=4)
    results = [
        Result("demo", "int10", Accuracy(500, 0.0003, 0.0015, 0.99, 46.1)),
        Result("demo", "bf16", Accuracy(500, 0.0003, 0.0015, 0.9, 46.1)),
    ]
    publish(Report("accuracy", method(plan), MACHINE, data(plan, results), [table(results)]), tmp_path)
    written = json.loads((tmp_path / "accuracy.json").read_text())
    assert written["limits"]["agreement"] == MIN_AGREEMENT
    assert [(row["precision"], row["within_limits"]) for row in written["accuracy"]] == [
        ("int10", True),
        ("bf16", False),
    ]
    page = (tmp_path / "accuracy.md").read_text()
    assert "same best code (>= 98%)" in page
    assert "| demo | int10 | 500 | 0.00030 | 0.0015 | 99.00% | 46.1 | yes |" in page
    assert between_markers(SPEED.read_text(encoding="utf-8"), "accuracy", "here")
