"""Lets a folder appear whole or not at all, once, however many processes want it. Knows not what is in it."""

import logging
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from glob import escape
from pathlib import Path
from uuid import uuid4

from filelock import FileLock, Timeout

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
    with _turn(target):
        if not target.is_dir():
            partial = target.with_name(f"{target.name}.partial")
            partial.mkdir(exist_ok=True)
            fill(partial)
            partial.rename(target)
    return target


def land_version(target: Path, ref: Path, fill: Callable[[Path], None]) -> Path:
    """Lands `target`, a folder `<name>@<version>`, as `land` does, and notes in the file `ref` which version it is."""
    land(target, fill)
    remember(ref, target.name.rpartition("@")[2])
    sweep(target)
    return target


def sweep(target: Path) -> None:
    """Removes what was begun of other versions of `target`, a folder `<name>@<version>`, and never finished.

    What another process is making is left alone, and so is what belongs to somebody else.
    """
    name, _, _ = target.name.rpartition("@")
    for partial in target.parent.glob(f"{escape(name)}@*.partial"):
        lock = FileLock(partial.with_suffix(".lock"))
        with suppress(OSError), lock.acquire(timeout=0):  # a Timeout is one too
            logger.info("Removing %s, which was never finished", partial)
            shutil.rmtree(partial)


def remember(ref: Path, landed: str) -> None:
    """Notes in the file `ref` what a name stood for when it landed. Readers see the note whole or not at all."""
    draft = ref.with_name(f"{ref.name}.{uuid4().hex}")
    draft.write_text(f"{landed}\n")
    draft.replace(ref)


def recall(ref: Path) -> str | None:
    return ref.read_text().strip() if ref.is_file() else None


@contextmanager
def _turn(target: Path) -> Iterator[None]:
    """Holds the target's lock. The system frees the lock of a process that dies."""
    lock = FileLock(target.with_name(f"{target.name}.lock"))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        logger.info("Another process is making %s: waiting for it", target.name)
        lock.acquire(poll_interval=0.2)
    try:
        yield
    finally:
        lock.release()
