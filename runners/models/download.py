"""Fetches files of known size and checksum into a folder, going on where an earlier attempt stopped.

By itself it fetches over HTTP: huggingface_hub does that and retries while it can. Its own downloads into a folder
throw away what came of a file when they fail, and compare no checksum: hence this module, which knows no repositories.
"""

import hashlib
import logging
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx2
from huggingface_hub.file_download import http_get
from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]  # its documented home
from huggingface_hub.utils.sha import git_hash

from runners.errors import ConfigurationError
from runners.models.progress import progress_bar

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file as its server describes it."""

    name: str
    url: str
    size: int  # bytes
    digest: str | None  # hex: a sha256, or of a small file on the hub its git blob's sha1; None: nobody knows it

    def is_whole(self, path: Path) -> bool:
        if path.stat().st_size != self.size:
            return False
        if self.digest is None:
            return True
        if len(self.digest) == 40:
            return git_hash(path.read_bytes()) == self.digest
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == self.digest


def free_space(folder: Path) -> int:
    """Bytes that may still be written there."""
    return shutil.disk_usage(folder).free


def bytes_missing(files: Sequence[RemoteFile], folder: Path) -> int:
    return sum(max(0, file.size - _size(folder / file.name)) for file in files)


def check_room(model: object, files: Sequence[RemoteFile], folder: Path, free: int) -> None:
    """Raises ConfigurationError when what is missing of the model's files is more than `free` bytes."""
    missing = bytes_missing(files, folder)
    if missing > free:
        raise ConfigurationError(
            f"XTTS_MODEL={model}: {missing / 1e6:,.1f} MB are to come and {folder.parent} has room for"
            f" {free / 1e6:,.1f} MB. Make room, or set XTTS_CACHE_DIR to a folder on a larger disk."
        )
    logger.info("Downloading %s (%.1f MB) to %s", model, missing / 1e6, folder.parent)


def append_over_http(file: RemoteFile, path: Path) -> None:
    """Adds to `path` what it lacks. Raises httpx2.RequestError or HfHubHTTPError when the server fails."""
    headers = build_hf_headers() | {"Accept-Encoding": "identity"}  # so that ranges count the file's own bytes
    with path.open("ab") as out:
        http_get(
            file.url,
            out,
            resume_size=_size(path),
            headers=headers,
            displayed_filename=file.name,
            tqdm_class=progress_bar(),
        )
        out.flush()
        os.fsync(out.fileno())


def fetch(file: RemoteFile, folder: Path, append: Callable[[RemoteFile, Path], None] = append_over_http) -> None:
    """Makes `folder/<name>` the whole file, beginning with the bytes that are there.

    Raises ConfigurationError when the content is not what was announced (what came is thrown away), whatever
    `append` does when the server fails (what came is kept), and OSError when the folder cannot be written.
    """
    path = folder / file.name
    path.touch()
    if _size(path) > file.size:
        os.truncate(path, 0)
    while (have := _size(path)) < file.size:
        try:
            append(file, path)
        except httpx2.TransportError as error:
            if _size(path) == have:
                raise
            logger.warning("%s was cut at %d bytes (%s): going on from there", file.name, _size(path), error)
    if not file.is_whole(path):
        path.unlink()
        raise ConfigurationError(
            f"{file.name} arrived damaged from {file.url}: its size or checksum is not the announced one."
            " It was thrown away: start again to fetch it anew. If it recurs, look at the disk and any proxy."
        )


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
