"""How many threads compute and how they wait: environment variables, which OpenMP reads as torch loads it. No torch."""

import math
import os
from collections.abc import MutableMapping
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")


def settle_openmp(environ: MutableMapping[str, str] = os.environ, cgroups: Path = CGROUPS) -> None:
    """Set what the user has not. Call it before the process imports torch.

    By default the threads of OpenMP spin while they wait for each other. Beside a process that wants the same cores,
    the one that spins keeps the one that computes from running. And it counts the cores that the process may run on,
    not the share of them that a container's quota grants. numba takes torch's number (see xtts/build.py) and sleeps.
    """
    environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    quota, cores = cpu_quota(cgroups), len(os.sched_getaffinity(0))
    if quota < cores:
        environ.setdefault("OMP_NUM_THREADS", str(math.ceil(quota)))


def cpu_quota(cgroups: Path = CGROUPS) -> float:
    """CPUs that this container may use at once, by cgroup v2 or v1. Infinity without a limit."""
    v2, v1 = cgroups / "cpu.max", cgroups / "cpu"
    try:
        limit, period = v2.read_text().split() if v2.exists() else _v1(v1)
    except (OSError, ValueError):
        return math.inf
    return math.inf if limit in ("max", "-1") else int(limit) / int(period)


def _v1(folder: Path) -> tuple[str, str]:
    return (folder / "cpu.cfs_quota_us").read_text().strip(), (folder / "cpu.cfs_period_us").read_text().strip()
