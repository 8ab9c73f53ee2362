"""Our engine against upstream's in one run: the same checkpoint, texts and lengths, a process for each."""

from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from statistics import median

import torch

from benchmarks.checkpoint import bench_checkpoint
from benchmarks.engine.ours import Ours
from benchmarks.engine.report import report
from benchmarks.engine.resident import Resident
from benchmarks.engine.turns import Plan, measure
from benchmarks.engine.upstream import Upstream
from benchmarks.hardware import hardware, read_bandwidth
from benchmarks.options import Options
from benchmarks.report import publish
from runners.config import EngineConfig
from runners.xtts.checkpoint import choose_device

PLANS = {
    ("cpu", False): Plan(codes=107, repeats=5, concurrencies=(1, 2, 4, 8, 16)),  # 5 seconds of audio
    ("cpu", True): Plan(codes=43, repeats=2, concurrencies=(1, 4)),
    ("cuda", False): Plan(codes=107, repeats=5, concurrencies=(1, 4, 16, 64, 128, 256)),
    ("cuda", True): Plan(codes=43, repeats=2, concurrencies=(1, 16, 64)),
}


def run(options: Options) -> None:
    device = choose_device(EngineConfig.from_env().device, 0, torch.cuda.device_count())
    plan, machine = PLANS[device.type, options.quick], hardware(device)
    folder = bench_checkpoint(options.cache, plan.codes)
    with ExitStack() as stack:
        upstream = stack.enter_context(Resident(Upstream, folder, str(device)))
        at_once = max(plan.concurrencies)
        engines = [
            stack.enter_context(Resident(Ours, folder, str(device), precision, at_once))
            for precision in options.precisions or (("auto",) if options.quick else ("auto", "fp32"))
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
    told = report(plan, machine, results)
    publish(told, options.out, options.page("engine"))
    print(told.tables[0].markdown())
