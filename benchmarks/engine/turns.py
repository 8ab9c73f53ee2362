"""Who speaks when: the engines take turns, so that whatever slows the machine down hits all alike."""

import logging
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from benchmarks.engine.measures import Job, Profile, Take
from benchmarks.engine.resident import Resident
from benchmarks.texts import texts
from benchmarks.xtts import CODE_SECONDS

UPSTREAM = "upstream"

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Plan:
    codes: int
    repeats: int
    concurrencies: tuple[int, ...]


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
    return Job(
        texts(concurrency, first=1000 * number + 2 * concurrency), plan.codes, seed=1000 * number, profile=profile
    )


def check_length(plan: Plan, concurrency: int, take: Take) -> None:
    """Raises RuntimeError when the engine has not said what all of them say: its figures would mean nothing."""
    expected = concurrency * plan.codes * CODE_SECONDS
    if abs(take.audio - expected) > 0.01 * expected:
        raise RuntimeError(f"{take.audio:.2f} s of audio came out in place of {expected:.2f}")
