"""Our engine against upstream's, on the same checkpoint, texts and lengths, in one run.

Each engine has a process of its own, and they take turns: whatever slows the machine down hits all alike.
"""

import logging
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from functools import partial
from statistics import median

import torch

from benchmarks.checkpoint import bench_checkpoint
from benchmarks.hardware import Hardware, hardware, read_bandwidth
from benchmarks.measures import Job, Profile, Take
from benchmarks.options import Options
from benchmarks.ours import Ours
from benchmarks.report import Panel, Plot, Report, Table, publish
from benchmarks.resident import Resident
from benchmarks.statistics import Spread, ratios
from benchmarks.texts import texts
from benchmarks.upstream import Upstream
from runners.config import EngineConfig
from runners.xtts.checkpoint import choose_device

UPSTREAM = "upstream"
CODE_SECONDS = 1024 / 22050  # of audio in a code
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

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Plan:
    codes: int
    repeats: int
    concurrencies: tuple[int, ...]


PLANS = {
    ("cpu", False): Plan(codes=107, repeats=5, concurrencies=(1, 2, 4, 8, 16)),  # 5 seconds of audio
    ("cpu", True): Plan(codes=43, repeats=2, concurrencies=(1, 4)),
    ("cuda", False): Plan(codes=107, repeats=5, concurrencies=(1, 4, 16, 64, 128, 256)),
    ("cuda", True): Plan(codes=43, repeats=2, concurrencies=(1, 16, 64)),
}


@dataclass(frozen=True, slots=True, order=True)
class Variant:
    """What a row of the table is about."""

    engine: str  # upstream, or ours in a precision
    concurrency: int


@dataclass(frozen=True, slots=True)
class Results:
    """Takes in the order of the cycles, so that those of equal number were taken side by side."""

    warm_up: Mapping[Variant, Take]
    takes: Mapping[Variant, Sequence[Take]]
    profiles: Mapping[Variant, Sequence[Profile]]
    first_chunks: Sequence[float]  # of upstream's stream, in seconds
    loading: Mapping[str, int]  # bytes that each engine held at most until it was loaded
    bandwidths: Sequence[float]  # GB/s, once a cycle: other tenants of a machine take theirs of it


def run(options: Options) -> None:
    device = choose_device(EngineConfig.from_env().device, 0, torch.cuda.device_count())
    plan, machine = PLANS[device.type, options.quick], hardware(device)
    folder = bench_checkpoint(options.cache, plan.codes)
    with ExitStack() as stack:
        upstream = stack.enter_context(Resident(Upstream, folder, str(device)))
        slots = max(plan.concurrencies)
        engines = [
            stack.enter_context(Resident(Ours, folder, str(device), precision, slots))
            for precision in options.precisions
        ]
        ours = {f"ours, {engine.ask('precision')}": engine for engine in engines}
        results = measure(
            plan,
            upstream,
            ours,
            profile_apart=device.type == "cuda",
            bandwidth=partial(read_bandwidth, device),
        )
    machine = replace(machine, bandwidth=median(results.bandwidths))
    publish(report(plan, machine, results), options.out, options.readme)
    print(table(machine, results).markdown())


def measure(
    plan: Plan,
    upstream: Resident,
    ours: Mapping[str, Resident],
    *,
    profile_apart: bool,
    bandwidth: Callable[[], float],
) -> Results:
    """A cycle to warm up, then those that count. Where timing the stages costs time, a last cycle does only that."""
    engines = {UPSTREAM: upstream, **ours}
    takes: dict[Variant, list[Take]] = defaultdict(list)
    chunks, bandwidths = [], []
    warm_up = cycle(plan, engines, 0, profile=False)
    for number in range(plan.repeats):
        for variant, take in cycle(plan, engines, number, profile=not profile_apart).items():
            takes[variant].append(take)
        bandwidths.append(bandwidth())
        chunks.append(upstream.ask("first_chunk", job(plan, 1, number, profile=False)))
    profiled = (
        {variant: [take] for variant, take in cycle(plan, engines, 0, profile=True).items()} if profile_apart else takes
    )
    profiles = {variant: [take.profile for take in some if take.profile] for variant, some in profiled.items()}
    loading = {name: engine.ask("loading") for name, engine in engines.items()}
    return Results(warm_up, takes, profiles, chunks, loading, bandwidths)


def cycle(plan: Plan, engines: Mapping[str, Resident], number: int, *, profile: bool) -> dict[Variant, Take]:
    """Every variant once. Concurrency ascends, so that the memory of a process tells what each needed."""
    done = {}
    for concurrency in plan.concurrencies:
        for name, engine in engines.items():
            if name == UPSTREAM and concurrency > 1:
                continue  # it takes one at a time: more of them would only wait
            take: Take = engine.ask("speak", job(plan, concurrency, number, profile=profile))
            check_length(plan, concurrency, take)
            log.info("%s, %d at once: %.2f audio-s/s", name, concurrency, take.speed)
            done[Variant(name, concurrency)] = take
    return done


def job(plan: Plan, concurrency: int, number: int, *, profile: bool) -> Job:
    return Job(texts(concurrency, first=number), plan.codes, seed=1000 * number, profile=profile)


def check_length(plan: Plan, concurrency: int, take: Take) -> None:
    """Raises RuntimeError when the engine has not said what all of them say: its figures would mean nothing."""
    expected = concurrency * plan.codes * CODE_SECONDS
    if abs(take.audio - expected) > 0.01 * expected:
        raise RuntimeError(f"{take.audio:.2f} s of audio came out in place of {expected:.2f}")


def report(plan: Plan, machine: Hardware, results: Results) -> Report:
    length = f"{plan.codes} codes ({plan.codes * CODE_SECONDS:.1f} s)"
    method = (
        "Upstream's `Xtts.inference`, one text after the other, and this engine, all texts of a row at once, took"
        f" turns {plan.repeats} times after a warm-up, on one full-size checkpoint with made-up weights where every"
        f" text takes {length}; ours has {max(plan.concurrencies)} slots. Figures are medians and, in brackets, the"
        " least and the greatest; ratios are of neighbours in time, upstream's first audio is its `inference_stream`'s,"
        " and a step's floor is what it has to read (weights and live cache) over the memory bandwidth."
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
