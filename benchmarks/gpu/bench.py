"""What each part of the benchmark is told: where to run, and how much to do. Plain data, sent to other processes."""

from dataclasses import dataclass
from pathlib import Path

import torch

from benchmarks.checkpoint import FULL, Sizes, bench_checkpoint
from benchmarks.gpu.parts import Row


@dataclass(frozen=True, slots=True)
class Plan:
    sizes: Sizes  # of the made-up checkpoint
    codes: int  # that each of its texts lasts
    repeats: int
    concurrencies: tuple[int, ...]  # texts at once
    lengths: tuple[int, ...]  # positions in the cache, for steps alone
    demo_lines: int
    lines: int  # of a checkpoint of full size
    requests: int  # after which memory is looked at


TINY = Sizes(layers=2, width=128, heads=4, text_tokens=1300)
PLANS = {
    ("cuda", False): Plan(FULL, 107, 2, (1, 8, 64, 256), (128, 400), demo_lines=12, lines=4, requests=200),
    ("cuda", True): Plan(FULL, 43, 1, (1, 8, 64), (128,), demo_lines=4, lines=2, requests=64),
    ("cpu", True): Plan(TINY, 23, 1, (1, 2), (64,), demo_lines=2, lines=2, requests=8),
}


@dataclass(frozen=True, slots=True)
class Bench:
    device: str
    precision: str  # XTTS_PRECISION
    bandwidth: float  # GB/s that the device reads
    cache: Path  # of checkpoints
    plan: Plan

    @property
    def on(self) -> torch.device:
        return torch.device(self.device)

    @property
    def has_cuda(self) -> bool:
        return self.on.type == "cuda"

    @property
    def slots(self) -> int:
        return max(self.plan.concurrencies)

    def checkpoint(self) -> Path:
        """The made-up one's folder."""
        return bench_checkpoint(self.cache, self.plan.codes, self.plan.sizes)


def not_here(what: str, columns: tuple[str, ...]) -> Row:
    """A row of something that only CUDA has."""
    return (what, "not on cpu", *[""] * (len(columns) - 2))
