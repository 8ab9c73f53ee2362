"""How cost grows: a decode step with slots and with length, memory with slots, and nothing with requests served."""

import asyncio
import logging
import random
import tempfile
from collections import Counter
from dataclasses import asdict
from pathlib import Path

import httpx
import torch

from api.config import REFERENCES
from api.voices.library import VoiceLibrary
from benchmarks.checkpoint import bench_checkpoint
from benchmarks.growth import crowd, report
from benchmarks.growth.insides import Loaded, latents_times, walk
from benchmarks.growth.processes import footprint
from benchmarks.growth.report import Findings, Mark, Plan
from benchmarks.hardware import hardware
from benchmarks.options import Options
from benchmarks.report import Report, publish
from benchmarks.servers import started

SERVICE = "service:XTTS"
IDLE = 6.0  # seconds; connections between the processes close after 5
SHORT = 64  # positions: the voice and a few words
STEPS = 8  # of each measurement
CODES = 43  # of the checkpoint; how many it says makes no difference here

log = logging.getLogger(__name__)


def run(options: Options) -> None:
    logging.getLogger("httpx").setLevel(logging.WARNING)  # it tells of every request
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    plan = plan_for(device.type, quick=options.quick)
    found = Findings(plan)
    asyncio.run(_serve(found, options))
    folder = bench_checkpoint(options.cache, CODES)
    for model in ("demo", str(folder)):
        starts = found.starts.setdefault(Path(model).name, [])
        starts += [_start(model, options) for _ in range(plan.rounds - len(starts))]
    _insides(Loaded.load({**_settings(str(folder), options), "XTTS_SLOTS": str(found.plan.slots[-1])}), found)
    told = Report(
        name="growth",
        method=report.METHOD,
        hardware=hardware(device),
        data=asdict(found),
        tables=report.tables(found),
        plots=[report.plot(found)],
    )
    publish(told, options.out, options.page("growth"))


def plan_for(device: str, *, quick: bool) -> Plan:
    """`device`: cpu or cuda."""
    most = 256 if device == "cuda" else 8
    if quick:
        return Plan(slots=(1, most // 2), lengths=(64, 435), rounds=1, marks=(20, 200), clients=8)
    return Plan(
        slots=tuple(2**power for power in range(most.bit_length())),
        lengths=(64, 128, 256, 435, 640, 832, 1020),
        rounds=3,
        marks=(200, 800, 1400, 2000),
        clients=8,
    )


async def _serve(found: Findings, options: Options) -> None:
    """Requests at a server of the demo checkpoint, whose start counts too; looks at its processes at each mark."""
    settings = _settings("demo", options)
    served = 0
    with tempfile.TemporaryDirectory() as folder, started(SERVICE, settings, Path(folder) / "server") as server:
        found.starts["demo"] = [server.wait()]
        requests = crowd.bodies(random.Random(1))
        answers: Counter[str] = Counter()
        for mark in found.plan.marks:
            async with httpx.AsyncClient(base_url=server.url, timeout=600) as http:
                answers += await crowd.serve(http, requests, mark - served, found.plan.clients)
                await crowd.until_idle(http, IDLE)
            served = mark
            found.marks.append(Mark(served, footprint(server.pid)))
            log.info("%d requests: %s", served, found.marks[-1].footprint)
    found.answers = dict(answers)


def _start(model: str, options: Options) -> float:
    """Seconds from the process's start to ready."""
    settings = _settings(model, options)
    with tempfile.TemporaryDirectory() as folder, started(SERVICE, settings, Path(folder) / "server") as server:
        seconds = server.wait()
    log.info("ready after %.1f s: %s", seconds, model)
    return seconds


def _settings(model: str, options: Options) -> dict[str, str]:
    return {
        "XTTS_MODEL": model,
        "XTTS_VOICES_DIR": str(REFERENCES),
        "XTTS_CACHE_DIR": str(options.cache.parent),
        "XTTS_PRECISION": options.precision,
    }


def _insides(loaded: Loaded, found: Findings) -> None:
    """What is measured in this process, on the full-size checkpoint."""
    plan, steps = found.plan, loaded.steps
    voice = VoiceLibrary(REFERENCES).resolve("default")
    latents_times(loaded, voice)  # what is built on first use is not counted
    found.latents = [latents_times(loaded, voice) for _ in range(plan.rounds)]
    found.slot_bytes = steps.slot_bytes
    for _ in range(plan.rounds):
        for live in plan.slots:
            steps.fill(live, SHORT)
            found.by_slots.setdefault(live, []).extend(steps.step() for _ in range(STEPS))
    log.info("steps by live slots: done")
    for live in (1, plan.slots[-1]):
        found.by_length[live] = walk(steps, live, plan.lengths, STEPS)
    log.info("steps by length: done")
