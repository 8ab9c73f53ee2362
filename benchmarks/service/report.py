"""The service benchmark's findings as tables, plots and data. Measures nothing."""

from dataclasses import asdict
from math import isinf

from benchmarks import mix
from benchmarks.report import Panel, Plot, Table
from benchmarks.service.clients import Heard
from benchmarks.service.contest import (
    BARE,
    BATCHING,
    FIRST_COME,
    LOCK,
    OURS,
    Cell,
    Findings,
    Plan,
    first_audio,
    latency,
)
from benchmarks.service.outcome import LOOK_EVERY, Outcome, waiting
from benchmarks.service.player import play
from benchmarks.statistics import Spread, ratios


def method(plan: Plan) -> str:
    shares = ", ".join(f"{kind.share * 10} % {kind.name} ({kind.texts})" for kind in mix.MIX)
    return (
        f"Requests are {shares} texts of {plan.codes} codes ({plan.codes / 21.53:.1f} s of audio) each, at Poisson "
        f"times for {plan.window:g} s and {plan.patience:g} s more to finish, the same for all on one "
        f"full-size checkpoint with random weights; times count from when a request was due, and what had not ended "
        f"counts as ∞. A load is a share of the throughput of ours in a closed loop of {plan.slots} clients just "
        f"before. All are heard through `/generate/stream`. Smooth speech begins so late that nothing stalls "
        "after it: first audio and all gaps. A batch is answered whole, and so it cannot stall."
    )


def loads(found: Findings, plan: Plan) -> Table:
    columns = [
        "load, scheduler",
        "requests/s (of its own capacity)",
        "requests",
        "errors",
        "not finished",
        "latency, s: p50 / p95 / p99",
        "first audio, s: p50 / p95 / p99",
        "smooth speech, s: p50 / p95 / p99",
        "stalled (for)",
        "waiting: mean / most",
    ]
    return Table("Under load", columns, [_row(found, cell, plan) for cell in found.cells])


def _row(found: Findings, cell: Cell, plan: Plan) -> list[str]:
    outcome = Outcome.of(cell.heard, plan.window)
    return [
        f"{cell.load:g}, {cell.scheduler}",
        f"{cell.rate:.2f} ({cell.rate / found.capacity(cell.scheduler):.2f})",
        str(outcome.requests),
        str(outcome.errors),
        str(outcome.unfinished),
        _seconds(outcome.latency),
        _seconds(outcome.first_audio),
        _seconds(outcome.smooth),
        f"{outcome.underrun:.0%} ({outcome.stalled:.1f} s)",
        f"{outcome.waiting_mean:.1f} / {outcome.waiting_most}",
    ]


def _seconds(values: tuple[float, ...]) -> str:
    return " / ".join("∞" if isinf(value) else f"{value:.2f}" for value in values)


def capacities(found: Findings) -> Table:
    kinds = [kind.name for kind in mix.MIX]
    columns = [
        "scheduler",
        *(f"alone, {kind}: latency, first audio, s" for kind in kinds),
        "closed loop, audio-seconds/s",
        "of the bare engine",
        "requests/s",
    ]
    rows = [_capacity_row(found, name) for name in (LOCK, BATCHING, FIRST_COME, OURS)]
    bare = [BARE, *("" for _ in kinds), Spread.of(found.closed[BARE]).show(), "1", ""]
    return Table("Alone, and with as many clients as slots", columns, [*rows, bare])


def _capacity_row(found: Findings, name: str) -> list[str]:
    alone = [f"{latency(heard):.2f}, {first_audio(heard):.2f}" for heard in found.alone[name].values()]
    rate = found.capacity(name)
    if name not in found.closed:
        return [name, *alone, f"{rate * found.audio(name):.2f} (one client)", "", f"{rate:.2f}"]
    shares = Spread.of(ratios(found.closed[name], found.closed[BARE])).show()
    return [name, *alone, Spread.of(found.closed[name]).show(), shares, f"{rate:.2f}"]


def plot(found: Findings, plan: Plan) -> Plot:
    """How many wait at the highest load, and the median first audio by load."""
    highest = [cell for cell in found.cells if cell.load == plan.loads[-1]]
    depths = {cell.scheduler: _over_time(waiting(cell.heard, plan.window)) for cell in highest}
    first: dict[str, list[tuple[float, float]]] = {cell.scheduler: [] for cell in highest}
    for cell in found.cells:
        median = Outcome.of(cell.heard, plan.window).first_audio[0]
        if not isinf(median):
            first[cell.scheduler].append((cell.load, median))
    panels = [
        Panel(f"seconds at load {plan.loads[-1]:g}", "requests waiting for their first audio", depths, log_x=False),
        Panel("load", "median first audio, s", first, log_x=False),
    ]
    return Plot("load", panels)


def _over_time(depths: list[int]) -> list[tuple[float, float]]:
    return [(tick * LOOK_EVERY, depth) for tick, depth in enumerate(depths)]


def data(found: Findings, plan: Plan) -> dict[str, object]:
    return {
        "plan": asdict(plan),
        "alone": {
            name: {kind: [_raw(record) for record in heard] for kind, heard in kinds.items()}
            for name, kinds in found.alone.items()
        },
        "closed_audio_seconds_per_second": found.closed,
        "loaded": [
            {
                "load": cell.load,
                "rate": cell.rate,
                "scheduler": cell.scheduler,
                "requests": [_raw(record) for record in cell.heard],
                "waiting": waiting(cell.heard, plan.window),
                "engine_waiting": cell.line,
            }
            for cell in found.cells
        ],
    }


def _raw(record: Heard) -> dict[str, object]:
    played = play(record.chunks)
    return {
        "kind": record.kind,
        "due": record.due,
        "first_audio": record.first_audio,
        "latency": record.latency,
        "audio": record.audio,
        "underruns": played.underruns,
        "stalled": played.stalled,
        "error": record.error,
    }
