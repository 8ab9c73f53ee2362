"""Fetches files of known size and checksum into a folder, going on where an earlier attempt stopped.

By itself it fetches over HTTP, in ranges, by huggingface_hub's session. That library's own downloads are one stream,
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
from huggingface_hub import constants
from huggingface_hub.errors import HfHubHTTPError
from huggingface_hub.utils import (  # type: ignore[attr-defined]  # its documented home
    build_hf_headers,
    hf_raise_for_status,
    http_stream_backoff,
)
from huggingface_hub.utils.sha import git_hash

from runners.errors import ConfigurationError
from runners.models.ranges import Unreadable, append_in_parallel

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
    """Adds to `path` what it lacks.

    Raises httpx2.RequestError or HfHubHTTPError when the server cannot be reached or refuses, and ValueError when
    what it sends is not what it was asked for.
    """
    try:
        append_in_parallel(lambda start, end: _read(file, start, end), file.size, path, file.name)
    except Unreadable as error:
        raise error.reason from None


def _read(file: RemoteFile, start: int, end: int) -> bytes:
    """The bytes from `start` to before `end`. A server that asks for patience (408, 429) is given what it asks for."""
    headers = build_hf_headers() | {
        "Accept-Encoding": "identity",  # so that ranges count the file's own bytes
        "Range": f"bytes={start}-{end - 1}",
    }
    with http_stream_backoff(
        "GET",
        file.url,
        headers=headers,
        timeout=constants.HF_HUB_DOWNLOAD_TIMEOUT,
        retry_on_exceptions=(),
        retry_on_status_codes=(408, 429),
    ) as answer:
        try:
            hf_raise_for_status(answer)
        except HfHubHTTPError as error:
            if answer.status_code < 500:  # it was understood: asking again changes nothing
                raise Unreadable(error) from error
            raise
        is_whole = answer.status_code == 200 and (start, end) == (0, file.size)
        if answer.status_code != 206 and not is_whole:  # the body may be the whole file: it is not read
            raise ValueError(
                f"asked for a range of {file.name}, {answer.url.host} answered {answer.status_code}, not 206"
            )
        return answer.read()


def fetch(file: RemoteFile, folder: Path, append: Callable[[RemoteFile, Path], None] = append_over_http) -> None:
    """Makes `folder/<name>` the whole file, beginning with the bytes that are there.

    Raises ConfigurationError when the content is not what was announced (what came is thrown away), whatever
    `append` does when the server fails (what came is kept), and OSError when the folder cannot be written.
    """
    path = folder / file.name
    path.touch()
    if _size(path) > file.size:
        os.truncate(path, 0)
    if _size(path) < file.size:
        _append_while_something_comes(file, path, append)
    if not file.is_whole(path):
        path.unlink()
        raise ConfigurationError(
            f"{file.name} arrived damaged from {file.url}: its size or checksum is not the announced one."
            " It was thrown away: start again to fetch it anew. If it recurs, look at the disk and any proxy."
        )


def _append_while_something_comes(file: RemoteFile, path: Path, append: Callable[[RemoteFile, Path], None]) -> None:
    """Gives up on a bad network only where an attempt added nothing."""
    while True:
        have = _size(path)
        try:
            return append(file, path)
        except httpx2.TransportError as error:
            if _size(path) == have:
                raise
            logger.warning("%s was cut at %d bytes (%s): going on from there", file.name, _size(path), error)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
