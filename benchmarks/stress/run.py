"""Crowds, large requests, hang-ups and broken surroundings, at real servers on the demo checkpoint."""

import asyncio
import logging
import os
from collections.abc import Coroutine, Iterator
from typing import Any

import torch

from api.config import REFERENCES
from benchmarks.hardware import hardware
from benchmarks.options import Options
from benchmarks.report import Report, Table, publish
from benchmarks.stress import faults, trials
from benchmarks.stress.trials import Rows

METHOD = (
    "Each row is one trial at a real server on the demo checkpoint. An answer equals its own solo result where it has "
    "as many samples and agrees with it to 60 dB or better."
)
Trial = Coroutine[Any, Any, Rows]

log = logging.getLogger(__name__)


def run(options: Options) -> None:
    logging.getLogger("httpx").setLevel(logging.WARNING)  # it logs every request
    settings = {
        "XTTS_MODEL": "demo",
        "XTTS_VOICES_DIR": str(REFERENCES),
        "XTTS_CACHE_DIR": str(options.cache.parent),
        "XTTS_MAX_WAITING": "1024",
    }
    rows: Rows = []
    with faults.serving(settings) as server:
        for trial in _of_one_server(server, quick=options.quick):
            _note(rows, trial)
    for trial in _of_their_own(settings, quick=options.quick):
        _note(rows, trial)
    table = Table("In a crowd, and when something breaks", ["what was done", "what was seen"], rows)
    machine = hardware(torch.device("cpu"))
    publish(Report("stress", METHOD, machine, {"rows": rows}, [table]), options.out, options.page("stress"))


def _note(rows: Rows, trial: Trial) -> None:
    try:
        found = asyncio.run(trial)
    except Exception as failure:  # the others are still worth trying
        log.exception("A trial failed")
        found = [("a trial", f"failed: {failure!r}")]
    for what, seen in found:
        log.info("%s: %s", what, seen)
    rows += found


def _of_one_server(server: Any, *, quick: bool) -> Iterator[Trial]:
    yield trials.mixed_at_once(server, 16 if quick else 64)
    if not quick:
        yield trials.mixed_at_once(server, 256)
    yield trials.short_behind_long(server, 6 if quick else 30)
    yield trials.hang_ups(server, 20 if quick else 300)
    yield trials.many_segments(server, 20 if quick else 200)
    yield trials.many_voices(server, 20 if quick else 1000)
    yield trials.unread_streams(server, 10 if quick else 100)
    for count in (20,) if quick else (100, 1_000, 10_000):
        yield trials.large_job(server, count)
    yield trials.many_requests(server, (20, 40) if quick else (100, 500, 1500))


def _of_their_own(settings: faults.Settings, *, quick: bool) -> Iterator[Trial]:
    yield faults.killed(settings, "XTTS")
    if quick:
        return
    yield faults.killed(settings, "XTTSRunner")
    yield faults.stopped(settings)
    yield faults.two_on_one_folder(settings)
    yield faults.links_in_a_voice(settings)
    if os.geteuid() == 0:
        yield faults.read_only_folders(settings)
        yield faults.full_cache_disk(settings)
