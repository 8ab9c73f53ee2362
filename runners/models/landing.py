"""Lets a folder appear whole or not at all, once, however many processes want it. Knows not what is in it."""

import logging
import shutil
from collections.abc import Callable
from contextlib import suppress
from glob import escape
from pathlib import Path

from filelock import FileLock, Timeout

from runners.whole_file import SHARED, write_whole

logger = logging.getLogger(__name__)


def land(target: Path, fill: Callable[[Path], None]) -> Path:
    """Returns `target`, and unless it is there already has `fill` make its content first.

    `fill` is given the folder `<target>.partial`, which still holds what an earlier attempt left behind. When
    it returns, that folder is renamed to `target`; when it raises, the folder stays as it is. Other processes
    that want the same target wait meanwhile and then find it there. Raises OSError where the parent cannot be
    written.
    """
    if target.is_dir():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(target.with_name(f"{target.name}.lock"))  # the system frees it when its process dies
    try:
        lock.acquire(timeout=0)
    except Timeout:
        logger.info("Another process is making %s: waiting for it", target.name)
        lock.acquire(poll_interval=0.2)
    try:
        if not target.is_dir():
            partial = target.with_name(f"{target.name}.partial")
            partial.mkdir(exist_ok=True)
            fill(partial)
            partial.rename(target)
    finally:
        lock.release()
    return target


def land_version(target: Path, ref: Path, fill: Callable[[Path], None]) -> Path:
    """Lands `target`, a folder `<name>@<version>`, notes in the file `ref` which version it is, and removes what was
    begun of other versions and never finished, unless another process is at it or it belongs to somebody else."""
    land(target, fill)
    name, _, version = target.name.rpartition("@")
    write_whole(ref, f"{version}\n".encode(), mode=SHARED, lasting=False)
    for partial in target.parent.glob(f"{escape(name)}@*.partial"):
        lock = FileLock(partial.with_suffix(".lock"))
        with suppress(OSError), lock.acquire(timeout=0):  # a Timeout is one too
            shutil.rmtree(partial)
    return target


def recall(ref: Path) -> str | None:
    """The version that was noted."""
    return ref.read_text().strip() if ref.is_file() else None
