"""A folder that fsspec opens (s3://, https://, ...): what lies in it, its bytes, and its faults in words.

Knows not what the files are for. Each filesystem raises what its client library does, hence the wide `except`s.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

import aiohttp
import fsspec

from runners.errors import ConfigurationError

SILENCE = 10.0  # seconds in which a server sends nothing, after which it counts as gone
S3 = ("s3://", "s3a://")
VERSIONS = ("ETag", "etag", "Last-Modified", "mtime", "created")  # what filesystems call it, the best first


class Absence(Enum):
    """Why there is nothing to be had under a name."""

    MISSING = auto()
    DENIED = auto()  # a server may also say so of what is not there


@dataclass(frozen=True, slots=True)
class Listing:
    """A file as its server describes it."""

    size: int  # bytes
    version: str  # changes when the content does; empty where the server tells of no such thing


@dataclass(frozen=True, slots=True)
class RemoteFolder:
    """Credentials and endpoints come from the environment, as each filesystem's own tools take them."""

    url: str  # s3://bucket/prefix
    filesystem: Any  # fsspec's AbstractFileSystem
    path: str

    @classmethod
    def open(cls, url: str, silence: float = SILENCE, **options: Any) -> "RemoteFolder":
        """Raises ConfigurationError where nothing opens such a URL. `options` are its filesystem's own."""
        settings = {"use_listings_cache": False, "skip_instance_cache": True, **_patience(url, silence), **options}
        try:
            filesystem, path = fsspec.core.url_to_fs(url, **settings)
        except ImportError as error:
            raise ConfigurationError(f"XTTS_MODEL={url}: this takes a package that is not here: {error}") from error
        except Exception as error:
            raise ConfigurationError(f"XTTS_MODEL={url}: {type(error).__name__}: {error}. {_advice(url)}") from error
        return cls(url, filesystem, path.rstrip("/"))

    def url_of(self, name: str) -> str:
        return f"{self.url.rstrip('/')}/{name}"

    def look_up(self, name: str) -> Listing | Absence:
        """Raises ConfigurationError when the server fails, or does not say how large the file is."""
        try:
            info = self.filesystem.info(f"{self.path}/{name}")
        except Exception as error:
            return self._absence(name, error)
        if info.get("size") is None:
            raise ConfigurationError(f"XTTS_MODEL={self.url}: its server does not say how large {name} is")
        return Listing(info["size"], next((str(info[key]) for key in VERSIONS if info.get(key)), ""))

    def read_text(self, name: str) -> str | Absence:
        """A small file's content. Raises ConfigurationError when the server fails."""
        try:
            return bytes(self.filesystem.cat_file(f"{self.path}/{name}")).decode(errors="replace")
        except Exception as error:
            return self._absence(name, error)

    def read(self, name: str, start: int, end: int) -> bytes:
        """The bytes from `start` to before `end`. Raises what the filesystem does: `fault` puts it into words."""
        return bytes(self.filesystem.cat_file(f"{self.path}/{name}", start=start, end=end))

    def fault(self, name: str, error: Exception) -> ConfigurationError:
        return ConfigurationError(
            f"XTTS_MODEL={self.url}: {name} cannot be read ({type(error).__name__}: {error}). {_advice(self.url)} What"
            " has come is kept and the next start goes on from there."
        )

    def denied(self, names: Sequence[str]) -> ConfigurationError:
        return ConfigurationError(
            f"XTTS_MODEL={self.url}: access to {', '.join(names)} is denied (403). {_advice(self.url)} A server may"
            " also say so of a file that is not there: S3 does to those who may not list the bucket (s3:ListBucket)."
        )

    def _absence(self, name: str, error: Exception) -> Absence:
        """What the error says of the file. Raises `fault` where it is not about the file but the server fails."""
        cause = _cause(error)
        status = cause.status if isinstance(cause, aiohttp.ClientResponseError) else None
        if isinstance(cause, FileNotFoundError) or status in (404, 410):
            return Absence.MISSING
        if isinstance(cause, PermissionError) or status in (401, 403):
            return Absence.DENIED
        raise self.fault(name, cause) from error


def _patience(url: str, silence: float) -> dict[str, Any]:
    """Options by which a filesystem's client gives up on a server that says nothing."""
    if url.startswith(S3):  # s3fs repeats what fails: were its client to do so too, it would take many minutes
        return {"config_kwargs": {"retries": {"max_attempts": 0}, "read_timeout": silence}}
    if url.startswith(("http://", "https://")):  # by itself it gives every answer five minutes, also one that flows
        return {"timeout": aiohttp.ClientTimeout(total=None, sock_connect=silence, sock_read=silence)}
    return {}  # the other clients have limits of their own


def _cause(error: Exception) -> Exception:
    """fsspec's HTTP says of whatever fails that there is no such file; what it was is the cause of that."""
    if isinstance(error, FileNotFoundError) and isinstance(error.__cause__, aiohttp.ClientError | TimeoutError):
        return error.__cause__
    return error


def _advice(url: str) -> str:
    if url.startswith(S3):
        return "Check the credentials (AWS_ACCESS_KEY_ID and its like, or a role) and AWS_ENDPOINT_URL."
    return "Check the URL, the network, and what lets you in."
