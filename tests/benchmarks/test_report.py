import json
from pathlib import Path

import pytest
import torch

from benchmarks.hardware import hardware
from benchmarks.report import Panel, Plot, Report, Table, between_markers, publish
from tests.benchmarks.machine import MACHINE

TABLE = Table("Throughput", ("variant", "audio-s/s"), [("upstream", "0.40"), ("ours", "1.20")])
SECOND = Table("More", ("what",), [("else",)])
REPORT = Report(
    name="toy",
    method="Two things were timed. Medians of three.",
    hardware=MACHINE,
    data={"takes": [{"seconds": 1.5}]},
    tables=[TABLE, SECOND],
    plots=[Plot("speed", [Panel("concurrency", "audio-s/s", {"ours": [(1, 1.2), (2, 2.0)], "upstream": [(1, 0.4)]})])],
)


def test_a_table_is_markdown():
    assert TABLE.markdown().splitlines() == [
        "| variant | audio-s/s |",
        "| --- | ---: |",
        "| upstream | 0.40 |",
        "| ours | 1.20 |",
    ]


def test_publish_writes_data_page_and_plot(tmp_path: Path):
    publish(REPORT, tmp_path / "new")
    data = json.loads((tmp_path / "new/toy.json").read_text())
    assert data["takes"] == [{"seconds": 1.5}]
    assert data["hardware"]["cpu"] == "Some CPU"
    page = (tmp_path / "new/toy.md").read_text()
    for part in (TABLE.markdown(), SECOND.markdown(), REPORT.method, MACHINE.line(), "(toy-speed.svg)"):
        assert part in page
    assert "<svg" in (tmp_path / "new/toy-speed.svg").read_text()


def test_publish_replaces_its_own_table_in_the_readme(tmp_path: Path):
    readme = tmp_path / "README.md"
    readme.write_text("Before\n<!-- bench:toy -->\nold\n<!-- /bench -->\n<!-- bench:other -->\nkept\n<!-- /bench -->\n")
    publish(REPORT, tmp_path, readme)
    publish(REPORT, tmp_path, readme)  # a second time changes nothing
    text = readme.read_text()
    assert text.startswith("Before\n<!-- bench:toy -->\n| variant")
    assert text.count(TABLE.markdown()) == 1
    assert MACHINE.line() in text
    assert "old" not in text
    assert SECOND.markdown() not in text
    assert text.endswith("<!-- bench:other -->\nkept\n<!-- /bench -->\n")


def test_a_readme_without_markers_is_an_error():
    with pytest.raises(ValueError, match="bench:toy"):
        between_markers("<!-- bench:other -->\n<!-- /bench -->", "toy", "table")


def test_content_is_taken_as_it_stands():
    assert r"a\1b" in between_markers("<!-- bench:toy --><!-- /bench -->", "toy", r"a\1b")


def test_the_caption_says_hardware_versions_date_and_commit():
    for part in ("Some CPU", "2 cores", "16 GB", "20 GB/s", "torch 2.11.0", "2026-11-22", "abc1234"):
        assert part in MACHINE.line()


def test_this_machine_can_be_told():
    machine = hardware(torch.device("cpu"))
    assert machine.bandwidth > 0.1
    assert machine.cores >= 1
    assert machine.memory > 0.5
    assert machine.versions["torch"] == torch.__version__.partition("+")[0]
