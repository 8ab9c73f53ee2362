"""How many threads compute and how they wait: environment variables that OpenMP reads as torch loads it. No torch."""

import math
import os
from collections.abc import MutableMapping
from pathlib import Path
from typing import Final

CGROUPS = Path("/sys/fs/cgroup")  # in a container: its own
WAITING: Final = {"OMP_WAIT_POLICY": "ACTIVE", "GOMP_SPINCOUNT": "3000"}  # 50 to 150 us


def settle_openmp(environ: MutableMapping[str, str] = os.environ, cgroups: Path = CGROUPS) -> None:
    """Set what the user has not. Call it before the process imports torch.

    By default OpenMP's threads spin for milliseconds while they wait for each other. Where other processes want the
    cores, a thread that spins keeps the one that it waits for from running; and a thread that sleeps at once is woken
    in 50 us or more, two hundred times a step. So they spin for as long as waking would take, then sleep. (The policy
    is what bounds the spinning where there are more threads than cores.) And OpenMP counts the cores that the process
    may run on, not the share of them that a container's quota allows. numba's threads are OpenMP's, and their number
    is torch's (see xtts/build.py).
    """
    if not environ.keys() & WAITING.keys():
        environ.update(WAITING)
    if cores(cgroups) < _affine():  # otherwise the libraries know best: one thread for each physical core
        environ.setdefault("OMP_NUM_THREADS", str(cores(cgroups)))


def cores(cgroups: Path = CGROUPS) -> int:
    """That this process may use: by its affinity and its container's quota, which is rounded up."""
    quota = _quota(cgroups)
    return _affine() if quota is None else max(1, min(_affine(), math.ceil(quota)))


def _affine() -> int:
    return len(os.sched_getaffinity(0))


def _quota(cgroups: Path) -> float | None:
    """CPUs' worth of time, by cgroup v2 or v1. None without a limit."""
    try:
        if (cgroups / "cpu.max").exists():
            limit, period = (cgroups / "cpu.max").read_text().split()
        else:
            limit, period = ((cgroups / "cpu" / f"cpu.cfs_{name}_us").read_text() for name in ("quota", "period"))
        return int(limit) / int(period) if int(limit) > 0 else None
    except (OSError, ValueError):  # no cgroups, or `max`
        return None
