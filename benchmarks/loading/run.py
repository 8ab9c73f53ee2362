"""Loads a full-size checkpoint in several layouts, each in a process of its own, its file in memory or not."""

import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from benchmarks.checkpoint import FULL, Sizes, bench_checkpoint
from benchmarks.hardware import hardware
from benchmarks.options import ROOT, Options
from benchmarks.report import Report, Table, publish
from runners.models.landing import land
from tests.checkpoints import Maker, copy, dump, official, safetensors

LAYOUTS: dict[str, Maker] = {
    "upstream's": copy,
    "official": official,
    "trainer's dump": dump,
    "safetensors": safetensors,
}
SMALL = Sizes(layers=2, width=128, heads=4, text_tokens=1500)
COLUMNS = (
    "layout",
    "file, GB",
    "file cache",
    "start to ready, s",
    "of these imports, s",
    "own memory: peak, GB",
    "after, GB",
    "with pages of the file: peak, GB",
)
log = logging.getLogger(__name__)

METHOD = (
    "A process makes the engine ready as a worker does (8 slots). Its own memory is what no file stands behind; pages"
    " of the file are given back to whoever needs them. Cold: the file's pages were dropped from memory before."
)


def run(options: Options) -> None:
    plain = bench_checkpoint(options.cache, codes=43 if options.quick else 107, sizes=SMALL if options.quick else FULL)
    results = list(_results(options, plain))
    rows = [_row(result) for result in results]
    table = Table("Time and memory of loading", COLUMNS, rows)
    publish(
        Report("loading", METHOD, hardware(torch.device("cpu")), {"results": results}, [table]),
        options.out,
        options.page("loading"),
    )


def _results(options: Options, plain: Path) -> Iterator[dict[str, Any]]:
    for layout, make in LAYOUTS.items():
        folder = plain.with_name(f"{plain.name}-{make.__name__}")
        land(folder, lambda partial, make=make: make(plain, partial))  # type: ignore[misc]
        size = max(path.stat().st_size for path in folder.iterdir()) / 1e9
        for cache in ("cold", "warm"):
            if cache == "cold":
                _drop_from_memory(folder)
            result = {"layout": layout, "size": size, "cache": cache, **_load(folder, options)}
            log.info("%s", " | ".join(_row(result)))
            yield result


def _drop_from_memory(folder: Path) -> None:
    for path in folder.iterdir():
        with path.open("rb") as file:
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def _load(folder: Path, options: Options) -> dict[str, Any]:
    environ = {"XTTS_MODEL": str(folder), "XTTS_DEVICE": "cpu", "XTTS_PRECISION": options.precision}
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.loading.child"],
        cwd=ROOT,
        env=os.environ | environ,
        stdout=subprocess.PIPE,
        check=True,
    )
    measured: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return measured


def _row(result: dict[str, Any]) -> list[str]:
    seconds = [result["import"] + result["load"], result["import"]]
    memory = [result["peak"]["RssAnon"], result["after"]["RssAnon"], result["peak"]["VmRSS"]]
    return [
        result["layout"],
        f"{result['size']:.2f}",
        result["cache"],
        *(f"{value:.1f}" for value in seconds),
        *(f"{value:.2f}" for value in memory),
    ]
