"""Lands a model from any folder that fsspec opens (s3://, https://, ...): whole, checked. Knows not what is in it."""

import errno
import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fsspec

from runners.download import RemoteFile, check_room, fetch, free_space
from runners.errors import ConfigurationError
from runners.landing import land, recall, remember
from runners.ranges import append_in_parallel

MANIFEST = "SHA256SUMS"  # as sha256sum writes it
OPTIONS = {  # s3fs repeats what fails, and so do we; were its client to do so too, it would take minutes to give up
    "s3": {"config_kwargs": {"retries": {"max_attempts": 0}}},
}
DISK_IS_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
CREDENTIALS = "Check the credentials (AWS_ACCESS_KEY_ID and its like, or a role) and AWS_ENDPOINT_URL."


@dataclass(frozen=True, slots=True)
class Bucket:
    """The folder of a model, and how it is opened. Credentials and endpoint come from the environment."""

    url: str  # s3://bucket/prefix
    filesystem: Any  # fsspec's AbstractFileSystem
    path: str
    free_space: Callable[[Path], int] = free_space  # folder -> bytes

    @classmethod
    def open(cls, url: str, **options: object) -> "Bucket":
        """Raises ConfigurationError where nothing opens such a URL. `options` are its filesystem's own."""
        with _explained(url):
            usual = {"use_listings_cache": False, "skip_instance_cache": True}
            settings = {**usual, **OPTIONS.get(url.partition("://")[0], {}), **options}
            filesystem, path = fsspec.core.url_to_fs(url, **settings)
            return cls(url, filesystem, path.rstrip("/"))

    def land(self, models: Path, required: Sequence[str], optional: Sequence[str]) -> Path:
        """Returns `models/<name>@<what its files are>`: the required files and what there is of the optional.

        What has landed is not asked for again: it starts with no network, and a change in the folder is not seen.
        Raises ConfigurationError, or OSError where `models` cannot be written.
        """
        name = f"{Path(self.path).name}-{hashlib.sha256(self.url.encode()).hexdigest()[:12]}"
        ref = models / f"{name}.ref"
        identity = recall(ref)
        if identity is not None and (models / f"{name}@{identity}").is_dir():
            return models / f"{name}@{identity}"
        with _explained(self.url):
            files = self._describe(required, optional)
            identity = _identity(files)
            target = land(models / f"{name}@{identity}", lambda partial: self._download(files, partial))
        remember(ref, identity)
        return target

    def _describe(self, required: Sequence[str], optional: Sequence[str]) -> list["StoredFile"]:
        digests = self._manifest()
        found = {name: self._stored(name, digests.get(name)) for name in (*required, *optional)}
        missing = [name for name in required if found[name] is None]
        if missing:
            raise ConfigurationError(f"XTTS_MODEL={self.url}: the folder has no {', '.join(missing)}")
        return [file for file in found.values() if file is not None]

    def _stored(self, name: str, digest: str | None) -> "StoredFile | None":
        try:
            info = self.filesystem.info(f"{self.path}/{name}")
        except FileNotFoundError:
            return None
        if info.get("size") is None:
            raise ValueError(f"its server does not say how large {name} is")
        version = next((str(info[key]) for key in ("ETag", "etag", "mtime", "created") if info.get(key)), "")
        return StoredFile(RemoteFile(name, f"{self.url.rstrip('/')}/{name}", info["size"], digest), version)

    def _manifest(self) -> dict[str, str]:
        """File names and their sha256 in hex; empty where there is no manifest."""
        try:
            lines = self.filesystem.cat_file(f"{self.path}/{MANIFEST}").decode().splitlines()
        except FileNotFoundError:
            return {}
        entries = [re.fullmatch(r"([0-9a-f]{64}) [ *](?:\./)?(.+)", line) for line in lines if line.strip()]
        if not all(entries):
            raise ValueError(f"{MANIFEST} is not what sha256sum writes")
        return {entry[2]: entry[1] for entry in entries if entry}

    def _download(self, files: Sequence["StoredFile"], folder: Path) -> None:
        remote = [file.remote for file in files]
        check_room(self.url, remote, folder, self.free_space(folder))
        for file in remote:
            fetch(file, folder, self._append)
        names = [file.name for file in remote]
        if self._describe(names, ()) != list(files):
            for name in names:
                (folder / name).unlink()
            raise ConfigurationError(f"XTTS_MODEL={self.url} was changed while it was downloaded: start again.")

    def _append(self, file: RemoteFile, path: Path) -> None:
        def read(start: int, end: int) -> bytes:
            return bytes(self.filesystem.cat_file(f"{self.path}/{file.name}", start=start, end=end))

        append_in_parallel(read, file.size, path, file.name)


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file, and what changes when its content does, as far as its server tells."""

    remote: RemoteFile
    version: str


def _identity(files: Sequence[StoredFile]) -> str:
    """Another for other files: what came of one version is never continued with another's."""
    facts = [(file.remote.name, file.remote.size, file.remote.digest, file.version) for file in files]
    return hashlib.sha256(repr(facts).encode()).hexdigest()[:16]


@contextmanager
def _explained(url: str) -> Iterator[None]:
    """Turns what goes wrong between here and the server into a ConfigurationError that says what to do."""
    try:
        yield
    except ConfigurationError:
        raise
    except ImportError as error:
        raise ConfigurationError(f"XTTS_MODEL={url}: this takes a package that is not here: {error}") from error
    except Exception as error:  # each filesystem raises what its client library does
        if isinstance(error, OSError) and (error.filename is not None or error.errno in DISK_IS_FULL):
            raise  # it is our own disk's
        raise ConfigurationError(
            f"XTTS_MODEL={url}: {type(error).__name__}: {error}. {CREDENTIALS} What has come is kept and the next"
            " start goes on from there."
        ) from error
