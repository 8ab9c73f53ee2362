"""A folder that fsspec opens (hf://, s3://, https://, ...): what lies in it, its bytes, and its faults in words.

Knows not what the files are for. Each filesystem raises what its client library does, hence the wide `except`s.
"""

import re
import time
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import aiohttp
import fsspec
from huggingface_hub import HfApi
from huggingface_hub.errors import (
    GatedRepoError,
    HFValidationError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from runners.errors import ConfigurationError
from runners.models.progress import progress
from runners.remote import SILENCE, client_settings, in_words, is_denied, is_distrusted, is_missing, version_of

HUB = "hf://"
ATTEMPTS = 3  # over plain HTTP; the other clients try again by themselves
BLOCK = 2**20  # bytes that come at once of a file that is looked into


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file as its server describes it."""

    name: str
    size: int  # bytes
    version: str  # changes when the content does; empty where the server tells of no such thing
    digest: str  # hex: a sha256, or of a small file on the hub its git blob's sha1; empty: nobody knows it


@dataclass(frozen=True, slots=True)
class RemoteFolder:
    """Credentials and endpoints come from the environment, as each filesystem's own tools take them."""

    url: str  # hf://owner/name/folder@revision, s3://bucket/prefix
    filesystem: Any  # fsspec's AbstractFileSystem
    path: str
    commit: str = ""  # on the hub: what the revision is now
    required: Collection[str] = ()  # files which, where access to them is denied, do not count as absent

    @classmethod
    def open(cls, url: str, required: Collection[str] = (), **options: Any) -> "RemoteFolder":
        """Raises ConfigurationError where nothing opens such a URL. `options` are its filesystem's own."""
        settings = {"use_listings_cache": False, "skip_instance_cache": True, **client_settings(url), **options}
        try:
            commit, location = _on_hub(url, options.get("endpoint")) if url.startswith(HUB) else ("", url)
            filesystem, path = fsspec.core.url_to_fs(location, **settings)
        except Exception as error:
            raise ConfigurationError(f"XTTS_MODEL={url}: {_in_words(error, url)}") from error
        return cls(url, filesystem, path.rstrip("/"), commit, required)

    def names(self) -> list[str]:
        """Empty where the server lists none: plain HTTP does not, and S3 may not let everybody.

        Raises ConfigurationError when the server fails.
        """
        if self.url.startswith("http"):
            return []
        try:
            return sorted(path.rpartition("/")[2] for path in self.filesystem.ls(self.path, detail=False))
        except Exception as error:
            if is_missing(error) or is_denied(error):
                return []
            raise self.fault("its list of files", error) from error

    def has(self, name: str) -> bool:
        return self.describe(name) is not None

    def describe(self, name: str) -> RemoteFile | None:
        """None: there is no such file. Raises ConfigurationError when the server fails, or denies what is required."""
        try:
            info = self.filesystem.info(f"{self.path}/{name}")
        except Exception as error:
            cause = _cause(error)
            if is_missing(cause) or (is_denied(cause) and name not in self.required):
                return None
            raise self.fault(name, cause) from error
        if info.get("size") is None:
            raise ConfigurationError(f"XTTS_MODEL={self.url}: its server does not say how large {name} is")
        digest = (info.get("lfs") or {}).get("sha256") or info.get("blob_id") or ""
        return RemoteFile(name, info["size"], version_of(info), digest)

    def open_file(self, name: str) -> BinaryIO:
        """To read and to seek in. Raises OSError."""
        try:
            file: BinaryIO = self.filesystem.open(f"{self.path}/{name}", "rb", block_size=BLOCK)
        except Exception as error:
            raise OSError(_in_words(error, self.url)) from error
        if not file.seekable():
            raise OSError("its server sends whole files only")
        return file

    def read(self, name: str) -> bytes:
        """A small file. Raises ConfigurationError."""
        try:
            return bytes(self.filesystem.cat_file(f"{self.path}/{name}"))
        except Exception as error:
            raise self.fault(name, error) from error

    def fetch(self, file: RemoteFile, path: Path) -> None:
        """Makes `path` the file. Raises ConfigurationError when it does not come."""
        attempts = ATTEMPTS if self.url.startswith("http") else 1
        for attempt in range(1, attempts + 1):
            try:
                with progress(file.name) as callback:
                    self.filesystem.get_file(f"{self.path}/{file.name}", str(path), callback=callback)
                return
            except Exception as error:
                if attempt == attempts or is_missing(error) or is_denied(error):
                    raise self.fault(file.name, error) from error
            time.sleep(attempt)

    def fault(self, name: str, error: Exception) -> ConfigurationError:
        return ConfigurationError(f"XTTS_MODEL={self.url}: {name} cannot be read: {_in_words(error, self.url)}")


def parts_of_hub(url: str) -> tuple[str, str, str]:
    """owner/name, the folder in it and the revision, both of which may be empty. Raises ConfigurationError."""
    found = re.fullmatch(r"hf://([\w.-]+/[\w.-]+)((?:/[^@/]+)*)/?(?:@(.+))?", url, re.ASCII)
    if not found:
        raise ConfigurationError(f"XTTS_MODEL={url}: must be hf://owner/name[/folder][@revision]")
    return found[1], found[2].strip("/"), found[3] or ""


def _on_hub(url: str, endpoint: str | None) -> tuple[str, str]:
    """The commit that the revision is, and where huggingface_hub's filesystem finds the folder."""
    repo, folder, revision = parts_of_hub(url)
    commit = HfApi(endpoint=endpoint).model_info(repo, revision=revision or "main", timeout=SILENCE).sha
    if not commit:
        raise ValueError("the answer is not a hub's. Check HF_ENDPOINT and any proxy")
    return commit, f"{HUB}{repo}@{commit}/{folder}"


def _cause(error: Exception) -> Exception:
    """fsspec's HTTP says of whatever fails that there is no such file; what it was is the cause of that."""
    if isinstance(error, FileNotFoundError) and isinstance(error.__cause__, aiohttp.ClientError | TimeoutError):
        return error.__cause__
    return error


def _in_words(error: Exception, url: str) -> str:
    """What went wrong, and what to do about it."""
    match error:
        case GatedRepoError():
            return "its owner asks for conditions to be accepted: do so on its page and set HF_TOKEN."
        case RepositoryNotFoundError():
            return "the hub has no such repository. Check the name; a private one needs HF_TOKEN."
        case RevisionNotFoundError():
            return f"the repository has no revision {parts_of_hub(url)[2]}."
        case OfflineModeIsEnabled():
            return "it is not in the cache yet, and HF_HUB_OFFLINE forbids to fetch it."
        case HFValidationError():
            return f"no such name is possible on the hub. {error}"
    hub = "Check the network and any proxy, HF_ENDPOINT and HF_TOKEN."
    words = in_words(error, url, hub if url.startswith(HUB) else None)
    known = is_distrusted(error) or is_denied(error) or isinstance(error, ConfigurationError | ImportError)
    return words if known else f"{words} Files that have come are kept."
