"""Files that appear whole or not at all, for any reader in any process. Imports nothing of ours and no torch."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Final
from uuid import uuid4

PRIVATE: Final = 0o600  # the mode of what belongs to callers: voices, latents, texts, audio
SHARED: Final = 0o666  # less the umask


@contextmanager
def whole_file(path: Path, *, mode: int = PRIVATE, lasting: bool = True) -> Iterator[BinaryIO]:
    """A draft to write to, beside `path`. It becomes `path`, or replaces it, when the block ends without an exception.

    Otherwise it is removed and `path` stays as it was; a process that is killed leaves a `.tmp` behind. `lasting`: the
    file is on the disk when the block has ended, whatever happens to the power. Raises OSError.
    """
    draft = path.with_name(f".{uuid4().hex}.tmp")
    try:
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
            yield file
            file.flush()
            if lasting:
                os.fsync(file.fileno())
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    if lasting:
        sync_folder(path.parent)


def write_whole(path: Path, content: bytes, *, mode: int = PRIVATE, lasting: bool = True) -> None:
    """`content` as `whole_file` writes it. Raises OSError."""
    with whole_file(path, mode=mode, lasting=lasting) as file:
        file.write(content)


def private_folder(folder: Path) -> None:
    """Makes it, and each parent that is missing, for its owner only; what is there stays as it is. Raises OSError."""
    if not folder.parent.exists():
        private_folder(folder.parent)
    folder.mkdir(0o700, exist_ok=True)


def sync_folder(folder: Path) -> None:
    """Makes its entries last through a power cut, where its file system can do that for a folder."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):
            os.fsync(descriptor)
    finally:
        os.close(descriptor)
