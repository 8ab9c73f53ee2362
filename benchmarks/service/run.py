"""The service under load, over HTTP: requests at Poisson times, several schedulers on the same checkpoint in one run.

BentoML's adaptive batching on our engine, the service without regard to who listens, and the service as it is get the
same requests at the same moments; a load is a share of what the last can do. Upstream's `inference` behind a lock,
which no such load leaves standing, is measured alone.
"""

import asyncio
import logging
import tempfile
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack, ExitStack
from pathlib import Path

import torch

from benchmarks.checkpoint import SPEAKERS, bench_checkpoint
from benchmarks.hardware import hardware
from benchmarks.options import Options
from benchmarks.report import Report, publish
from benchmarks.servers import started
from benchmarks.service import contest, over_http, report
from benchmarks.service.contest import BATCHING, FIRST_COME, LOCK, OURS, Entrant, Findings, Plan

SPECS = {
    LOCK: "benchmarks.service.schedulers.locked:Locked",
    BATCHING: "benchmarks.service.schedulers.batched:Batched",
    FIRST_COME: "benchmarks.service.schedulers.first_come:XTTS",
    OURS: "service:XTTS",
}
VOICE = SPEAKERS[0]

log = logging.getLogger(__name__)


def run(options: Options) -> None:
    begun = time.perf_counter()
    logging.getLogger("httpx").setLevel(logging.WARNING)  # it tells of every request
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    plan = plan_for(device.type, quick=options.quick)
    findings = _contest(plan, options)
    told = Report(
        name="service",
        method=report.method(plan),
        hardware=hardware(device),
        data={"took": round(time.perf_counter() - begun), **report.data(findings, plan)},
        tables=[report.loads(findings, plan), report.capacities(findings)],
        plots=[report.plot(findings, plan)],
    )
    publish(told, options.out, options.page("service"))


def plan_for(device: str, *, quick: bool) -> Plan:
    """`device`: cpu or cuda. Full size on two cores takes seconds a text, so texts are short there."""
    match device, quick:
        case "cpu", True:
            return Plan(codes=8, slots=4, loads=(0.8,), window=6, patience=2, closed=3, rounds=1)
        case "cpu", False:
            return Plan(codes=43, slots=8, loads=(0.5, 0.8, 0.95), window=80, patience=15, closed=20, rounds=2)
        case _, True:
            return Plan(codes=43, slots=32, loads=(0.8,), window=8, patience=3, closed=4, rounds=1)
        case _:
            return Plan(codes=107, slots=64, loads=(0.5, 0.8, 0.95), window=30, patience=10, closed=15, rounds=2)


def _contest(plan: Plan, options: Options) -> Findings:
    """Starts the servers and measures."""
    settings = {
        "XTTS_MODEL": str(bench_checkpoint(options.cache, plan.codes)),
        "XTTS_SLOTS": str(plan.slots),
        "XTTS_MAX_WAITING": "100000",  # nobody is turned away: what waits is to be seen
        "XTTS_TIMEOUT": "3600",
        "XTTS_PRECISION": options.precision,
    }
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        servers = {
            name: stack.enter_context(started(spec, settings, Path(folder) / str(number)))
            for number, (name, spec) in enumerate(SPECS.items())
        }
        for name, server in servers.items():
            log.info("%s: ready after %.0f s, all starting at once", name, server.wait())
        return asyncio.run(_measure({name: server.url for name, server in servers.items()}, plan))


async def _measure(urls: Mapping[str, str], plan: Plan) -> Findings:
    async with AsyncExitStack() as stack:
        entrants = []
        for name, url in urls.items():
            http = await stack.enter_async_context(over_http.connect(url))
            entrants.append(Entrant(name, http, over_http.speaker(http, VOICE)))
        _, batching, first_come, ours = entrants
        await contest.warm_up(entrants, plan, VOICE)
        await contest.train(batching, plan)
        found = Findings()
        found.alone = await contest.alone(entrants, plan)
        found.closed = await contest.closed([ours, first_come, batching], batching, plan, VOICE)
        found.cells = await contest.loaded(entrants[1:], plan, found.capacity(OURS))
        return found
