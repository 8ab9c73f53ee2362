"""The checkpoint that tests run on. It hums."""

from pathlib import Path

from runners.models.landing import land

KERNELS = Path(".pytest_cache/kernels").absolute()  # of the CPU, compiled once for all tests and their servers

_VERSION = 2  # change it with anything that changes a tensor or a token


def hum_folder() -> Path:
    """Made once, 100 MB, and kept for the next tests. Read it, do not write to it."""
    from tests.hum.checkpoint import make_hum  # brings in torch

    return land(Path(".pytest_cache").absolute() / f"models-{_VERSION}" / "hum", make_hum)
