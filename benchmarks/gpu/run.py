"""All parts, one after the other, within ten minutes; what is known is printed and written as it comes."""

import time
from collections.abc import Iterator
from collections.abc import Sequence as Items
from dataclasses import asdict, replace

import torch

from benchmarks.gpu import numbers, speech, steps
from benchmarks.gpu.bench import PLANS, Bench, Plan
from benchmarks.gpu.parts import Outcome, Part, Row, attempt
from benchmarks.hardware import Hardware, hardware
from benchmarks.options import Options
from benchmarks.report import Report, publish
from runners.config import EngineConfig
from runners.xtts.checkpoint import choose_device

TOTAL = 570.0  # seconds
SLOTS_PER_GB = 4.4  # that a GPU has in all: a slot of XTTS-v2 takes 135 MB in fp16, and something is left


def _make(bench: Bench) -> Iterator[Row]:
    begun = time.monotonic()
    folder = bench.checkpoint()
    yield (folder.name, f"{time.monotonic() - begun:.0f}")


ENGINE = Part("The engine beside upstream's", speech.ENGINE, speech.beside_upstream, 200)
PARTS = (
    Part("The made-up checkpoint", ("folder", "seconds"), _make, 120),
    Part("Parity in float32, greedy", numbers.PARITY, numbers.parity, 100),
    ENGINE,
    Part("Decode steps", steps.COLUMNS, steps.by_variant, 110),
    Part("Latency by stage", speech.STAGES, speech.by_stage, 80),
    Part("Accuracy of lower precisions", numbers.ACCURACY, numbers.accuracy, 90),
    Part("Memory", speech.MEMORY, speech.memory, 60),
)


def run(options: Options, parts: Items[Part] = PARTS, total: float = TOTAL) -> None:
    """Raises SystemExit where there is no GPU and no `--quick`, and at the end when a part has failed."""
    device = choose_device(EngineConfig.from_env().device, 0, torch.cuda.device_count())
    if device.type == "cpu" and not options.quick:
        raise SystemExit("There is no GPU here. With --quick the command can be tried on the CPU.")
    begun = time.monotonic()
    machine = hardware(device)
    plan = _fitting(PLANS[device.type, options.quick], machine)
    bench = Bench(str(device), options.precision, machine.bandwidth, options.cache, plan)
    tell(f"{machine.line()}.")
    outcomes: list[Outcome] = []
    for part in parts:
        left = total - (time.monotonic() - begun)
        outcomes.append(attempt(part, bench, max(min(part.limit, left), 0.0), tell))
        publish(report(plan, machine, outcomes), options.out)
    faults = [outcome.part.title for outcome in outcomes if outcome.fault]
    page = None if ENGINE.title in faults or device.type == "cpu" else options.page("gpu")
    publish(report(plan, machine, outcomes), options.out, page)
    if faults:
        raise SystemExit(f"Not whole: {', '.join(faults)}")


def report(plan: Plan, machine: Hardware, outcomes: Items[Outcome]) -> Report:
    first = sorted(outcomes, key=lambda outcome: outcome.part is not ENGINE)  # a page shows one table
    method = (
        f"Each part ran in a process of its own, on a checkpoint of {plan.sizes.layers} layers with made-up weights"
        f" ({plan.codes} codes a text) and, where numbers are compared, on the demo or the operator's own. Parity and"
        " accuracy switch TF32 off, as the service does; upstream beside the engine runs as it comes. Floors are bytes"
        " of weights and live cache over the bandwidth below."
    )
    told = [{"seconds": each.seconds, "fault": each.fault, **asdict(each.table)} for each in outcomes]
    return Report("gpu", method, machine, {"plan": asdict(plan), "parts": told}, [each.table for each in first])


def tell(line: str) -> None:
    print(line, flush=True)


def _fitting(plan: Plan, machine: Hardware) -> Plan:
    """As many at once as the GPU has memory for."""
    most = SLOTS_PER_GB * machine.gpu_memory if machine.gpu else max(plan.concurrencies)
    return replace(plan, concurrencies=tuple(count for count in plan.concurrencies if count <= most))
