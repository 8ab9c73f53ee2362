"""The engines' takes as tables, a plot and data. Measures nothing."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict
from statistics import median

from benchmarks.engine.turns import UPSTREAM, Plan, Results, Variant
from benchmarks.hardware import Hardware
from benchmarks.report import Panel, Plot, Report, Table
from benchmarks.statistics import Spread, ratios
from benchmarks.xtts import CODE_SECONDS

COLUMNS = (
    "engine",
    "texts at once",
    "audio-s/s",
    "x upstream",
    "real-time factor",
    "first audio, ms",
    "decode step, ms",
    "its floor, ms",
    "x floor",
    "prefill, ms",
    "vocoder",
    "peak memory, GB",
)


def report(plan: Plan, machine: Hardware, results: Results) -> Report:
    length = f"{plan.codes} codes ({plan.codes * CODE_SECONDS:.1f} s)"
    method = (
        "Upstream's `Xtts.inference`, one text after the other, and this engine, all texts of a row at once, took"
        f" turns {plan.repeats} times after a warm-up, on one full-size checkpoint with made-up weights where every"
        f" text takes {length}; ours has {max(plan.concurrencies) + 1} slots. Figures are medians and, in brackets, the"
        " least and the greatest; ratios are of neighbours in time, first audio is that of streams, all begun at once"
        " (upstream's: `inference_stream`), and a step's floor is what it has to read (weights and live cache) over the"
        " memory bandwidth."
    )
    data = {
        "plan": asdict(plan),
        "first_chunks": results.first_chunks,
        "loading": results.loading,
        "bandwidths": results.bandwidths,
        "variants": [
            {
                **asdict(variant),
                "takes": [asdict(take) for take in takes],
                "profiles": [asdict(profile) for profile in results.profiles[variant]],
                "warm_up": asdict(results.warm_up[variant]),
            }
            for variant, takes in results.takes.items()
        ],
    }
    return Report("engine", method, machine, data, [table(machine, results), memory(results)], [plot(results)])


def table(machine: Hardware, results: Results) -> Table:
    return Table("Throughput", COLUMNS, [row(variant, machine, results) for variant in ordered(results)])


def ordered(results: Results) -> list[Variant]:
    """Upstream first, then engine by engine as they were named."""
    names = list(dict.fromkeys(variant.engine for variant in results.takes))
    return sorted(results.takes, key=lambda variant: (names.index(variant.engine), variant.concurrency))


def row(variant: Variant, machine: Hardware, results: Results) -> list[str]:
    takes, profiles = results.takes[variant], results.profiles[variant]
    speeds = [take.speed for take in takes]
    beside = [take.speed for take in results.takes[Variant(UPSTREAM, 1)]]
    step = median(profile.step for profile in profiles)
    floor = median(profile.step_bytes for profile in profiles) / (machine.bandwidth * 1e9)
    peak = max(results.loading[variant.engine], results.warm_up[variant].memory)
    return [
        variant.engine,
        str(variant.concurrency),
        Spread.of(speeds).show(),
        Spread.of(ratios(speeds, beside)).show(),
        f"{median(variant.concurrency * take.seconds / take.audio for take in takes):.2f}",
        Spread.of([1000 * first for first in first_audio(variant, results)]).show(".0f"),
        f"{1000 * step:.1f}",
        f"{1000 * floor:.1f}",
        f"{step / floor:.1f}",
        f"{1000 * median(profile.prefill for profile in profiles):.0f}",
        f"{median(profile.vocoder_share for profile in profiles):.0%}",
        gigabytes(peak),
    ]


def memory(results: Results) -> Table:
    """Peaks apart: a CPU's are resident sets, a GPU's what was allocated on it."""
    rows = [
        (
            variant.engine,
            str(variant.concurrency),
            gigabytes(results.loading[variant.engine]),
            gigabytes(results.warm_up[variant].memory),
        )
        for variant in ordered(results)
    ]
    return Table("Memory", ("engine", "texts at once", "while loading, GB", "while speaking, GB"), rows)


def gigabytes(count: int) -> str:
    return f"{count / 1e9:.1f}"


def first_audio(variant: Variant, results: Results) -> Sequence[float]:
    """Seconds to the first samples: each take's median text."""
    if variant.engine == UPSTREAM:
        return results.first_chunks
    return [median(take.first) for take in results.takes[variant]]


def plot(results: Results) -> Plot:
    speed: dict[str, list[tuple[float, float]]] = defaultdict(list)
    latency: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for variant in ordered(results):
        speed[variant.engine].append((variant.concurrency, median(take.speed for take in results.takes[variant])))
        latency[variant.engine].append((variant.concurrency, 1000 * median(first_audio(variant, results))))
    return Plot(
        "concurrency",
        [Panel("texts at once", "audio-seconds a second", speed), Panel("texts at once", "first audio, ms", latency)],
    )
