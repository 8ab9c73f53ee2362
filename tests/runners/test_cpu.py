"""Threads and how they wait: what is counted, and that OpenMP obeys."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from runners.cpu import WAITING, cores, settle_openmp

AFFINE = len(os.sched_getaffinity(0))


def v2(folder: Path, text: str) -> Path:
    (folder / "cpu.max").write_text(text)
    return folder


def v1(folder: Path, quota: int) -> Path:
    (folder / "cpu").mkdir()
    (folder / "cpu" / "cpu.cfs_quota_us").write_text(f"{quota}\n")
    (folder / "cpu" / "cpu.cfs_period_us").write_text("100000\n")
    return folder


@pytest.mark.parametrize(
    ("limit", "expected"), [("max 100000\n", AFFINE), ("100000 100000\n", 1), ("5000 100000\n", 1), ("x\n", AFFINE)]
)
def test_cores_are_those_of_the_quota(tmp_path: Path, limit: str, expected: int) -> None:
    assert cores(v2(tmp_path, limit)) == expected


def test_a_quota_over_the_affinity_changes_nothing(tmp_path: Path) -> None:
    assert cores(v2(tmp_path, f"{(AFFINE + 5) * 100_000} 100000\n")) == AFFINE


@pytest.mark.skipif(AFFINE < 2, reason="needs two cores")
def test_part_of_a_core_counts_as_one(tmp_path: Path) -> None:
    assert cores(v2(tmp_path, "110000 100000\n")) == 2


def test_the_older_cgroups_are_read_too(tmp_path: Path) -> None:
    assert cores(v1(tmp_path, 50_000)) == 1


def test_the_older_cgroups_without_a_limit(tmp_path: Path) -> None:
    assert cores(v1(tmp_path, -1)) == AFFINE


def test_no_cgroups(tmp_path: Path) -> None:
    assert cores(tmp_path) == AFFINE


@pytest.mark.parametrize("way", [{"OMP_WAIT_POLICY": "PASSIVE"}, {"GOMP_SPINCOUNT": "0"}])
def test_what_the_user_has_set_stays(tmp_path: Path, way: dict[str, str]) -> None:
    environ = {**way, "OMP_NUM_THREADS": "7"}
    settle_openmp(environ, v2(tmp_path, "1000 100000"))
    assert environ == {**way, "OMP_NUM_THREADS": "7"}


def test_without_a_quota_the_number_of_threads_is_left_to_the_libraries(tmp_path: Path) -> None:
    environ: dict[str, str] = {}
    settle_openmp(environ, tmp_path)
    assert environ == WAITING


def run(code: str, **more: str) -> subprocess.CompletedProcess[str]:
    ours = ("OMP_", "GOMP_", "NUMBA_")
    environ = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    environ |= {"OMP_DISPLAY_ENV": "verbose", **more}  # OpenMP reports its settings as it is loaded
    return subprocess.run([sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=True)


def test_openmp_obeys(tmp_path: Path) -> None:
    folder = v2(tmp_path, "50000 100000")
    done = run(
        "from pathlib import Path; from runners.cpu import settle_openmp; "
        f"settle_openmp(cgroups=Path({str(folder)!r})); import torch; print(torch.get_num_threads())"
    )
    assert "OMP_WAIT_POLICY = 'ACTIVE'" in done.stderr
    assert "GOMP_SPINCOUNT = '3000'" in done.stderr
    assert done.stdout == "1\n"


RUNNER = """
import asyncio, os, signal, sys
from contextlib import suppress
from runners.xtts_runner import XTTSRunner

def openmp_is_loaded():
    return "libgomp" in open("/proc/self/maps").read()

async def start():
    with suppress(SystemExit):  # the folder holds no model
        XTTSRunner.inner()

assert not openmp_is_loaded()
signal.signal(signal.SIGUSR1, signal.SIG_IGN)
signal.signal(signal.SIGTERM, lambda *_: None)
os.getppid = os.getpid  # the runner ends its supervisor too
os._exit = sys.exit
asyncio.run(start())
assert openmp_is_loaded()
"""


def test_the_runner_sets_it_before_openmp_is_loaded(tmp_path: Path) -> None:
    """As BentoML's worker does it: the module is imported, then the service is made."""
    assert "GOMP_SPINCOUNT = '3000'" in run(RUNNER, XTTS_MODEL=str(tmp_path)).stderr
