"""The parts on the small checkpoint and the CPU, and what becomes of a run whose parts fail."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

import benchmarks.__main__ as command
from benchmarks.gpu import numbers, steps
from benchmarks.gpu.bench import Bench, Plan
from benchmarks.gpu.parts import Part, Row, attempt
from benchmarks.gpu.run import PARTS, TOTAL, run
from benchmarks.options import SPEED, Options
from benchmarks.report import between_markers
from tests.benchmarks.conftest import CODES, SMALL

PLAN = Plan(SMALL, CODES, 1, (1, 2), (64,), demo_lines=1, lines=2, requests=4)
APART = {  # parts by their titles
    "The engine beside upstream's": replace(PLAN, concurrencies=(1,)),
    "Latency by stage": replace(PLAN, concurrencies=(2,)),
    "Memory": replace(PLAN, requests=10),
}

Cells = list[dict[str, str]]


def bench_of(checkpoint: Path) -> Bench:
    return Bench("cpu", "fp32", 20.0, checkpoint.parent, PLAN)


@pytest.fixture
def bench(small_checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.setenv("XTTS_MODEL", str(small_checkpoint))  # where numbers are compared
    return bench_of(small_checkpoint)


def apart(bench: Bench) -> Iterator[Row]:
    for part in PARTS:
        if plan := APART.get(part.title):
            yield from ((part.title, *row) for row in part.measure(replace(bench, plan=plan)))


@pytest.fixture(scope="module")
def measured(small_checkpoint: Path) -> dict[str, Cells]:
    """Rows of parts as the command measures them, but all in one process, which imports everything once."""
    found = attempt(Part("Some", ("part",), apart, 500), bench_of(small_checkpoint), 500, print)
    assert found.fault == ""
    columns = {part.title: part.columns for part in PARTS}
    return {title: cells((row for name, *row in found.rows if name == title), columns[title]) for title in APART}


@pytest.fixture
def options(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Options:
    monkeypatch.setenv("XTTS_DEVICE", "cpu")
    return Options(quick=True, out=tmp_path, cache=tmp_path / "cache")


def cells(rows: Iterable[Sequence[str]], columns: tuple[str, ...]) -> Cells:
    return [dict(zip(columns, row, strict=True)) for row in rows]


def test_greedy_codes_and_samples_are_compared_with_upstreams(bench: Bench) -> None:
    rows = cells(numbers.parity(bench), numbers.PARITY)
    assert [row["ours"] for row in rows] == ["the same"] * PLAN.lines
    assert {row["codes of upstream"] for row in rows} == {str(CODES)}
    assert all(float(row["SNR, dB (>= 60)"]) >= 60 for row in rows)


def test_a_difference_is_told_by_its_place() -> None:
    assert numbers.compared([1, 2, 3], [1, 2, 3]) == "the same"
    assert numbers.compared([1, 2, 3], [1, 5, 3]) == "differ from code 1 on"
    assert numbers.compared([1, 2, 3], [1, 2]) == "differ from code 2 on"


def test_lower_precisions_are_compared_where_the_device_has_them(bench: Bench) -> None:
    fp16, bf16 = cells(numbers.accuracy(bench), numbers.ACCURACY)
    assert fp16["precision"] == "not on cpu"
    assert (bf16["precision"], bf16["places"]) == ("bf16", str(PLAN.lines * CODES))


def test_a_step_stands_beside_its_floor_and_what_only_cuda_has_is_named(bench: Bench) -> None:
    one, two, graphs, flash = cells(steps.by_variant(bench), steps.COLUMNS)
    assert [row["live"] for row in (one, two)] == ["1", "2"]
    assert float(two["its floor, ms"]) >= float(one["its floor, ms"]) > 0
    assert one["same codes as the first"] == "100%"
    for row, name in ((graphs, "masks, graphs"), (flash, "FlashAttention, graphs")):
        assert (row["step"], row["live"]) == (name, "not on cpu")


def test_the_engine_stands_beside_upstreams(measured: dict[str, Cells]) -> None:
    rows = measured["The engine beside upstream's"]
    assert [(row["engine"], row["texts at once"]) for row in rows] == [("upstream", "1"), ("ours, fp32", "1")]
    assert all(row["vocoder"].endswith("%") and float(row["its floor, ms"]) >= 0 for row in rows)


def test_latency_is_told_by_stage(measured: dict[str, Cells]) -> None:
    rows = measured["Latency by stage"]
    stages = ["first audio of a stream", "text and voice", "prefill", "step", "vocoder", "delivery"]
    assert [(row["texts at once"], row["stage"]) for row in rows] == [("2", each) for each in stages]
    assert {row["stage"]: row["calls"] for row in rows}["step"] == str(CODES - 1)  # both texts in each


def test_memory_is_told_after_warm_up_and_after_requests(measured: dict[str, Cells]) -> None:
    rows = measured["Memory"]
    assert [row["when"] for row in rows] == ["loaded and warmed up", "1 requests", "10 requests"]
    assert {row["tensors, MB"] for row in rows} == {"not on cpu"}
    assert all(float(row["resident, MB"]) > 50 for row in rows)


def broken(bench: Bench) -> Iterator[Row]:
    yield ("begun",)
    raise RuntimeError("no such kernel")


def fine(bench: Bench) -> Iterator[Row]:
    yield (bench.device,)


def test_a_part_that_fails_does_not_stop_the_others_and_the_run_says_so(
    options: Options, capsys: pytest.CaptureFixture[str]
) -> None:
    parts = [Part("Broken", ("what",), broken, 300), Part("Fine", ("what",), fine, 300)]
    with pytest.raises(SystemExit, match="Not whole: Broken"):
        run(options, parts)
    written = json.loads((options.out / "gpu.json").read_text())["parts"]
    assert [(part["title"], part["rows"]) for part in written] == [
        ("Broken", [["begun"], ["RuntimeError: no such kernel"]]),
        ("Fine", [["cpu"]]),
    ]
    assert [part["fault"] for part in written] == ["RuntimeError: no such kernel", ""]
    assert "## Fine" in (options.out / "gpu.md").read_text()
    assert "| begun |" in capsys.readouterr().out


def test_no_part_begins_with_more_time_than_is_left(options: Options) -> None:
    with pytest.raises(SystemExit, match="Not whole: Fine"):
        run(options, [Part("Fine", ("what",), fine, 300)], total=0.0)
    assert json.loads((options.out / "gpu.json").read_text())["parts"][0]["fault"] == "cut after 0 s"


def test_all_of_it_takes_ten_minutes_at_most() -> None:
    assert TOTAL < 600
    assert {part.title for part in PARTS} >= {"Parity in float32, greedy", "Decode steps", "Memory"}


def test_without_a_gpu_it_wants_to_be_quick(options: Options) -> None:
    with pytest.raises(SystemExit, match="There is no GPU here"):
        run(replace(options, quick=False))


@pytest.mark.parametrize(("asked", "runs"), [([], False), (["gpu"], True)])
def test_it_runs_by_its_name_only(asked: list[str], runs: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[str] = []

    def stand_in(name: str) -> SimpleNamespace:
        return SimpleNamespace(run=lambda options: ran.append(name))

    monkeypatch.setattr(command, "import_module", stand_in)
    monkeypatch.setattr(command.torch, "set_num_threads", lambda count: None)
    command.main(asked)
    assert ("benchmarks.gpu.run" in ran) == runs
    assert ran


def test_docs_have_a_place_for_its_table() -> None:
    assert between_markers(SPEED.read_text(encoding="utf-8"), "gpu", "here")
