"""Whether the numbers are right: upstream's own in float32, and what lower precisions change."""

from collections.abc import Iterator
from textwrap import shorten

import torch

from benchmarks.accuracy.comparison import compare
from benchmarks.accuracy.run import COLUMNS, Plan, Result, checkpoints, lines, precisions, row
from benchmarks.engine.upstream import load_upstream
from benchmarks.gpu.bench import Bench, not_here
from benchmarks.gpu.parts import Row
from runners.checkpoint.look import look_at
from runners.config import EngineConfig
from runners.errors import ConfigurationError
from runners.xtts.checkpoint import load_checkpoint
from tests.studio import snr, studio, upstream_codes, upstream_wave

PARITY = ("checkpoint", "text", "codes of upstream", "ours", "SNR, dB (>= 60)")
ACCURACY = COLUMNS


def parity(bench: Bench) -> Iterator[Row]:
    """Greedy, in float32: our engine, all texts at once, and upstream's `Xtts`, one by one."""
    torch.backends.cudnn.allow_tf32 = False  # in upstream's vocoder too: as the service sets it
    for name, folder, count in checkpoints(EngineConfig.from_env(), bench.cache, _plan(bench)):
        upstream = load_upstream(folder, bench.on)
        own = load_checkpoint(look_at(folder), bench.on)
        with studio(own, slots=count) as room:
            takes = [room.take(line.language, line.text, line.speaker) for line in lines(own, count)]
            waves = room.record(takes)
        for take, wave in zip(takes, waves, strict=True):
            line = (take.language, take.text, take.speaker)
            codes, expected = upstream_codes(upstream, *line), upstream_wave(upstream, *line)
            sound = f"{snr(expected, wave):.1f}" if len(expected) == len(wave) else "other length"
            yield (name, shorten(take.text, 40), str(len(codes)), compared(codes, take.codes), sound)


def accuracy(bench: Bench) -> Iterator[Row]:
    for name, folder, count in checkpoints(EngineConfig.from_env(), bench.cache, _plan(bench)):
        model = load_checkpoint(look_at(folder), bench.on)
        for asked in ("fp16", "bf16"):
            try:
                (precision,) = precisions((asked,), model, bench.on)
            except ConfigurationError:
                yield not_here(f"{name}, {asked}", ACCURACY)
                continue
            found = compare(model, precision, list(lines(model, count)), bench.plan.codes)
            yield tuple(row(Result(name, precision.name, found)))


def _plan(bench: Bench) -> Plan:
    plan = bench.plan
    return Plan(plan.codes, plan.lines, plan.demo_lines, plan.sizes)


def compared(expected: list[int], found: list[int]) -> str:
    if expected == found:
        return "the same"
    pairs = zip(expected, found, strict=False)
    first = next((at for at, (ours, theirs) in enumerate(pairs) if ours != theirs), min(len(expected), len(found)))
    return f"differ from code {first} on"
