"""The engine as the service runs it: beside upstream's, stage by stage, and what it holds."""

import time
from collections.abc import Iterator
from collections.abc import Sequence as Items
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from statistics import median

import psutil
import torch

from benchmarks.engine import report
from benchmarks.engine.measures import Job
from benchmarks.engine.ours import Ours
from benchmarks.engine.resident import Resident
from benchmarks.engine.turns import Plan, measure
from benchmarks.engine.upstream import Upstream
from benchmarks.gpu.bench import Bench
from benchmarks.gpu.parts import Row
from benchmarks.hardware import hardware, read_bandwidth
from benchmarks.statistics import percentile
from benchmarks.texts import texts

ENGINE = report.COLUMNS
STAGES = ("texts at once", "stage", "calls", "median, ms", "p95, ms", "all, ms", "of the whole")
MEMORY = ("when", "after, s", "tensors, MB", "allocator, MB", "device, all processes, MB", "resident, MB")
AT_ONCE = 40  # requests, while memory is looked at


def beside_upstream(bench: Bench) -> Iterator[Row]:
    plan, folder = Plan(bench.plan.codes, bench.plan.repeats, bench.plan.concurrencies), bench.checkpoint()
    with ExitStack() as stack:
        upstream = stack.enter_context(Resident(Upstream, folder, bench.device))
        ours = stack.enter_context(Resident(Ours, folder, bench.device, bench.precision, bench.slots))
        results = measure(
            plan,
            upstream,
            {f"ours, {ours.ask('precision')}": ours},
            profile_apart=bench.has_cuda,
            bandwidth=partial(read_bandwidth, bench.on),
        )
    machine = replace(hardware(bench.on), bandwidth=median(results.bandwidths))
    yield from map(tuple, report.table(machine, results).rows)


def by_stage(bench: Bench) -> Iterator[Row]:
    """Stages are waited for, so that each takes what it takes: nothing overlaps, and the whole is slower than it is."""
    ours = _ours(bench)
    for count in bench.plan.concurrencies:
        job = Job(texts(count), bench.plan.codes, seed=1, profile=True)
        ours.speak(job)
        take = ours.speak(job)
        yield (str(count), "first audio of a stream", str(count), *_spread(take.first), "", "")
        for stage, laps in ours.laps().items():
            spent = sum(laps)
            share = f"{spent / take.seconds:.0%}"
            yield (str(count), stage, str(len(laps)), *_spread(laps), f"{1000 * spent:.0f}", share)


def memory(bench: Bench) -> Iterator[Row]:
    begun = time.monotonic()
    ours = _ours(bench)
    yield _held("loaded and warmed up", begun, bench)
    served = 0
    for mark in (max(bench.plan.requests // 10, 1), bench.plan.requests):
        while served < mark:
            count = min(AT_ONCE, mark - served)
            ours.speak(Job(texts(count, first=served), bench.plan.codes, seed=served, profile=False))
            served += count
        yield _held(f"{mark} requests", begun, bench)


def _ours(bench: Bench) -> Ours:
    return Ours(bench.checkpoint(), bench.device, bench.precision, bench.slots)


def _spread(seconds: Items[float]) -> tuple[str, str]:
    return f"{1000 * median(seconds):.2f}", f"{1000 * percentile(seconds, 95):.2f}"


def _held(when: str, begun: float, bench: Bench) -> Row:
    on_device: Row = ("not on cpu",) * 3
    if bench.has_cuda:
        free, total = torch.cuda.mem_get_info(bench.on)
        counts = (torch.cuda.memory_allocated(bench.on), torch.cuda.memory_reserved(bench.on), total - free)
        on_device = tuple(f"{count / 1e6:.0f}" for count in counts)
    resident = psutil.Process().memory_info().rss / 1e6
    return (when, f"{time.monotonic() - begun:.0f}", *on_device, f"{resident:.0f}")
