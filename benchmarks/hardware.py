"""What a figure was measured on: processor, memory and its read bandwidth, versions, date, commit."""

import platform
import subprocess
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil
import torch

from runners.cpu import cores

PACKAGES = ("torch", "coqui-tts", "transformers", "bentoml", "numba")
_PROBE_BYTES = {"cpu": 400_000_000, "cuda": 4_000_000_000}  # more than any cache holds; a GPU's start is not to count
_PROBES = 10


@dataclass(frozen=True, slots=True)
class Hardware:
    cpu: str
    cores: int  # that this process may use
    memory: float  # GB
    gpu: str  # empty without one
    gpu_memory: float  # GB
    cuda: str  # the version that torch was built for
    bandwidth: float  # GB/s, read by `device`
    device: str  # cpu or cuda: where the model runs
    versions: dict[str, str]
    commit: str  # of the checkout, empty outside of one; a trailing + says that it was changed since
    date: str  # UTC

    def line(self) -> str:
        """As a caption of a table has it."""
        machine = f"{self.cpu}, {self.cores} cores, {self.memory:.0f} GB"
        if self.device == "cuda":
            machine = f"{self.gpu}, {self.gpu_memory:.0f} GB; {machine}"
        versions = ", ".join(f"{name} {number}" for name, number in self.versions.items())
        return f"{machine}; reads {self.bandwidth:.0f} GB/s; {versions}; {self.date}, commit {self.commit or 'unknown'}"


def hardware(device: torch.device) -> Hardware:
    """Takes a second: the bandwidth is measured."""
    gpu = torch.cuda.get_device_properties(device) if device.type == "cuda" else None
    return Hardware(
        cpu=_cpu(),
        cores=cores(),
        memory=psutil.virtual_memory().total / 1e9,
        gpu=gpu.name if gpu else "",
        gpu_memory=gpu.total_memory / 1e9 if gpu else 0.0,
        cuda=torch.version.cuda or "",
        bandwidth=read_bandwidth(device),
        device=device.type,
        versions=_versions(),
        commit=_commit(),
        date=datetime.now(UTC).strftime("%Y-%m-%d"),
    )


def read_bandwidth(device: torch.device) -> float:
    """GB/s: the best of some sums over more than any cache holds, on all of torch's threads."""
    probe = torch.ones(_PROBE_BYTES[device.type] // 4, device=device)
    best = max(probe.nbytes / _seconds_of_a_sum(probe) for _ in range(_PROBES))
    del probe
    if device.type == "cuda":
        torch.cuda.empty_cache()  # others are to have it
    return best / 1e9


def _seconds_of_a_sum(probe: torch.Tensor) -> float:
    begun = time.perf_counter()
    probe.sum().item()  # which waits for the device
    return time.perf_counter() - begun


def _cpu() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:  # numba is not among what is pinned
            continue
    return found


def _commit() -> str:
    described = subprocess.run(
        ["git", "describe", "--always", "--dirty=+", "--exclude=*"],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        check=False,
    )
    return described.stdout.strip()
