"""Files by their keys, in a folder or in a bucket (whatever fsspec opens): each whole or not at all, for all who share
it. Knows not what is in them. Everything blocks, for seconds at most, so it belongs in a thread.

A bucket that does not answer is asked again only after a while: until then every call fails at once.
"""

import logging
import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import fsspec
from fsspec.implementations.local import LocalFileSystem

from runners.errors import ConfigurationError, StorageAway
from runners.remote import S3, causes, client_settings, in_words, is_denied, version_of
from runners.whole_file import private_folder, whole_file, write_whole

SILENCE: Final = 5.0  # seconds in which a bucket takes no connection or sends nothing, after which it counts as gone
ATTEMPTS: Final = 2
DEADLINE: Final = 12.0  # seconds for a call, over all attempts, and those that its bytes take
SLOWEST: Final = 2**20  # bytes a second
PAUSE: Final = 2.0  # seconds in which one that has failed is not asked again
AWAY: Final = "The store of this server's files does not answer. Try again in a few seconds."
USUAL: Final = 4 * 2**20  # bytes of a file that is read at once; s3fs repeats its repetitions, which takes longer
PIECE: Final = 2**20  # bytes of a file that are read at a time
MOST_DELETED: Final = 1000  # files at once
THERE: Final = ("PreconditionFailed", "ConditionalRequestConflict")  # S3's words for a key that is taken

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class StoredFile:
    key: str
    size: int  # bytes
    version: str  # changes when the content does
    modified: float  # seconds since the epoch, by the store's clock; 0: it tells of no such thing


class Storage:
    """May be shared by threads.

    Raises FileNotFoundError and FileExistsError as files do; OSError where a folder, and StorageAway where a bucket
    fails.
    """

    def __init__(self, url: str | Path) -> None:
        """Raises ConfigurationError where nothing opens such a URL."""
        self.url = str(url).rstrip("/")
        settings = client_settings(self.url, silence=SILENCE)
        if self.url.startswith(S3):
            settings["config_kwargs"]["connect_timeout"] = SILENCE
            settings["max_concurrency"] = 1  # else each file is asked for its size before it is read
        self._away_until = 0.0  # by time.monotonic; 0: it answers
        try:
            files, path = fsspec.core.url_to_fs(
                self.url, use_listings_cache=False, skip_instance_cache=True, **settings
            )
        except Exception as error:
            raise ConfigurationError(f"XTTS_DATA_DIR={self.url}: {in_words(error, self.url)}") from error
        self._files: Any = files  # AbstractFileSystem
        self._root = path.rstrip("/")
        self._local = isinstance(files, LocalFileSystem)
        if self.url.startswith(S3):
            files.retries = ATTEMPTS

    def url_of(self, key: str) -> str:
        return f"{self.url}/{key}"

    def key_of(self, url: str) -> str | None:
        """None: it is none of `url_of`."""
        return url.removeprefix(f"{self.url}/") if url.startswith(f"{self.url}/") else None

    def path(self, key: str) -> Path | None:
        """Where it lies on this machine; None: it is in a bucket."""
        return Path(self._path(key)) if self._local else None

    def check(self) -> None:
        """Raises StorageAway where the last call has found that it is away. Asks nobody."""
        if time.monotonic() < self._away_until:
            raise StorageAway(AWAY)

    def put(self, key: str, content: bytes, *, new: bool = False) -> None:
        """`new`: raises FileExistsError where there is such a key, of two at once for one of them."""
        if self._local:
            return _put_locally(Path(self._path(key)), content, new)
        mode = "create" if new else "overwrite"
        try:
            self._call("pipe_file", self._path(key), content, mode=mode, size=len(content))
        except StorageAway as error:
            if not (new and _code(error) == "NotImplemented"):
                raise
            if self.describe(key) is not None:  # it knows no conditions
                raise FileExistsError(key) from None
            self._call("pipe_file", self._path(key), content, size=len(content))

    def put_file(self, key: str, file: Path) -> None:
        """Large ones, too."""
        if not self._local:
            return self._call("put_file", str(file), self._path(key), size=file.stat().st_size)
        target = Path(self._path(key))
        private_folder(target.parent)
        with whole_file(target) as draft, file.open("rb") as content:
            while piece := content.read(PIECE):
                draft.write(piece)

    def read(self, key: str) -> bytes:
        return bytes(self._call("cat_file", self._path(key), size=USUAL))

    def read_all(self, keys: Iterable[str]) -> dict[str, bytes]:
        """Those that are there, several at a time. For small files."""
        paths = {self._path(key): key for key in keys}
        if not paths:
            return {}
        found = self._call("cat", list(paths), on_error="return", size=SLOWEST * len(paths) // 10)
        for content in found.values():
            if isinstance(content, Exception) and not isinstance(content, FileNotFoundError):
                raise self._fault(content) from content
        return {paths[path]: content for path, content in found.items() if isinstance(content, bytes)}

    def pieces(self, key: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """The bytes from `start` to before `end` as they come, a MiB at a time."""
        if end is None:
            if (file := self.describe(key)) is None:
                raise FileNotFoundError(key)
            end = file.size
        for at in range(start, end, PIECE):
            yield bytes(self._call("cat_file", self._path(key), start=at, end=min(at + PIECE, end)))

    def describe(self, key: str) -> StoredFile | None:
        try:
            info = self._call("info", self._path(key))
        except (FileNotFoundError, NotADirectoryError):
            return None
        return self._described(info) if info["type"] == "file" else None

    def names(self, folder: str) -> list[str]:
        """Of the files and folders in it; none where there is no such folder."""
        try:
            return [path.rstrip("/").rpartition("/")[2] for path in self._call("ls", self._path(folder), detail=False)]
        except FileNotFoundError:
            return []

    def list(self, folder: str) -> list[StoredFile]:
        """All below it, by their keys; none where there is no such folder."""
        try:
            found = self._call("find", self._path(folder), detail=True)
        except FileNotFoundError:
            return []
        files = [self._described(info) for info in found.values()]
        whole = (file for file in files if not file.key.endswith(".tmp"))  # see whole_file
        return sorted(whole, key=lambda file: file.key)

    def delete(self, key: str) -> None:
        """Harmless where it is not there."""
        with suppress(FileNotFoundError):
            self._call("rm_file", self._path(key))

    def delete_folder(self, folder: str) -> None:
        keys = [file.key for file in self.list(folder)]
        if self._files.async_impl:
            for first in range(0, len(keys), MOST_DELETED):
                self._call("rm", [self._path(key) for key in keys[first : first + MOST_DELETED]])
            keys = [file.key for file in self.list(folder)] if keys else []  # S3 answers 200 where it deletes nothing
        for key in keys:
            self.delete(key)
        if self._local:
            with suppress(FileNotFoundError):
                self._files.rm(self._path(folder), recursive=True)

    def _path(self, key: str) -> str:
        return f"{self._root}/{key}"

    def _described(self, info: Any) -> StoredFile:
        modified = info.get("LastModified") or info.get("mtime") or info.get("created") or 0.0
        seconds = modified.timestamp() if isinstance(modified, datetime) else float(modified)
        return StoredFile(str(info["name"])[len(self._root) + 1 :], info["size"], version_of(info), seconds)

    def _call(self, name: str, *arguments: Any, size: int = 0, **options: Any) -> Any:
        """A method of the filesystem. `size`: bytes that go or come."""
        operation: Callable[..., Any] = getattr(self._files, name)
        if self._local:
            return operation(*arguments, **options)
        self.check()
        if self._away_until:  # one caller tries again; meanwhile the others need not wait for it
            self._away_until = time.monotonic() + DEADLINE
        if self._files.async_impl:
            options["timeout"] = DEADLINE + size / SLOWEST
        try:
            answer = operation(*arguments, **options)
        except (FileNotFoundError, FileExistsError) as error:  # which is an answer, too
            if _code(error) == "NoSuchBucket":
                raise self._fault(error) from error
            self._answered()
            raise
        except NotImplementedError:
            raise
        except Exception as error:
            if _code(error) in THERE:
                self._answered()
                raise FileExistsError(str(error)) from error
            if _code(error) == "NotImplemented":
                raise StorageAway(AWAY) from error
            raise self._fault(error) from error
        self._answered()
        return answer

    def _answered(self) -> None:
        if self._away_until:
            self._away_until = 0.0
            log.info("%s answers again", self.url)

    def _fault(self, error: Exception) -> StorageAway:
        if not self._away_until:
            log.warning("XTTS_DATA_DIR=%s does not answer: %s", self.url, in_words(error, self.url))
        self._away_until = time.monotonic() + PAUSE
        return StorageAway(AWAY)


def check_bucket(url: str) -> None:
    """Writes a file, lists and reads it, and deletes it. One that does not answer is only warned of: it may come back.

    Raises ConfigurationError, which says what is missing.
    """
    storage, key = Storage(url), f"probe/{uuid4().hex}"
    steps: dict[str, Callable[[], object]] = {
        "listed (s3:ListBucket)": lambda: storage.list("probe"),
        "written (s3:PutObject)": lambda: storage.put(key, b"probe"),
        "read (s3:GetObject)": lambda: storage.read(key),
        "deleted from (s3:DeleteObject)": lambda: storage.delete(key),
    }
    for step, take in steps.items():
        try:
            take()
        except (StorageAway, FileNotFoundError, NotImplementedError) as error:
            cause = error.__cause__ if isinstance(error, StorageAway) and error.__cause__ else error
            if _is_away(cause):
                return  # a line of the log has said so
            action = step if url.startswith(S3) else step.partition(" (")[0]
            raise ConfigurationError(f"XTTS_DATA_DIR={url}: cannot be {action}: {_reason(cause, url)}") from error


def _reason(error: BaseException, url: str) -> str:
    if _code(error) == "NoSuchBucket":
        return "there is no such bucket. Make it, or correct the name."
    if isinstance(error, NotImplementedError):
        return "what it names can only be read. Name a folder, or a bucket such as s3://bucket/prefix."
    assert isinstance(error, Exception)
    return in_words(error, url)


def _is_away(error: BaseException) -> bool:
    """Whether nobody has answered, or that something is wrong with the server: it may be right a minute later."""
    import aiohttp
    from botocore.exceptions import ConnectionError as NoConnection
    from botocore.exceptions import HTTPClientError

    absent = (TimeoutError, ConnectionError, aiohttp.ClientError, NoConnection, HTTPClientError)
    if isinstance(error, Exception) and is_denied(error):
        return False
    codes = ("InternalError", "ServiceUnavailable", "SlowDown", "500", "502", "503", "504")
    return any(isinstance(each, absent) for each in causes(error)) or _code(error) in codes


def _code(error: BaseException) -> str:
    """S3's word for what went wrong; empty where it has none."""
    for each in causes(error):
        response = getattr(each, "response", None)
        if isinstance(response, dict):
            return str(response.get("Error", {}).get("Code", ""))
    return ""


def _put_locally(path: Path, content: bytes, new: bool) -> None:
    private_folder(path.parent)
    if not new:
        return write_whole(path, content)
    draft = path.with_name(f".{uuid4().hex}.tmp")
    try:
        write_whole(draft, content)
        os.link(draft, path)
    finally:
        draft.unlink(missing_ok=True)
