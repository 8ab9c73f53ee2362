"""A folder that fsspec opens (hf://, s3://, https://, ...): what lies in it, its bytes, and its faults in words.

Knows not what the files are for. Each filesystem raises what its client library does, hence the wide `except`s.
"""

import os
import re
import ssl
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

HUB = "hf://"
SILENCE = 10.0  # seconds in which a server sends nothing, after which it counts as gone
ATTEMPTS = 3  # over plain HTTP; the other clients try again by themselves
BLOCK = 2**20  # bytes that come at once of a file that is looked into
_S3 = ("s3://", "s3a://")
_VERSIONS = ("ETag", "etag", "Last-Modified", "mtime", "created")  # what filesystems call it, the best first


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
        settings = {"use_listings_cache": False, "skip_instance_cache": True, **_settings(url), **options}
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
            if _is_missing(error) or _is_denied(error):
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
            if _is_missing(cause) or (_is_denied(cause) and name not in self.required):
                return None
            raise self.fault(name, cause) from error
        if info.get("size") is None:
            raise ConfigurationError(f"XTTS_MODEL={self.url}: its server does not say how large {name} is")
        version = next((str(info[key]) for key in _VERSIONS if info.get(key)), "")
        digest = (info.get("lfs") or {}).get("sha256") or info.get("blob_id") or ""
        return RemoteFile(name, info["size"], version, digest)

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
                if attempt == attempts or _is_missing(error) or _is_denied(error):
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


def _settings(url: str) -> dict[str, Any]:
    """Options by which a filesystem's client gives up on a server that says nothing, and by which it goes through the
    proxy and trusts the authorities that the environment names.
    """
    if url.startswith(_S3):  # s3fs repeats what fails: were its client to do so too, it would take many minutes
        patience: dict[str, Any] = {"config_kwargs": {"retries": {"max_attempts": 0}, "read_timeout": SILENCE}}
        return patience | ({"client_kwargs": {"verify": bundle}} if (bundle := _authorities_for_s3()) else {})
    if url.startswith("http"):  # by itself it gives every answer five minutes, also one that flows
        patience = {"timeout": aiohttp.ClientTimeout(total=None, sock_connect=SILENCE, sock_read=SILENCE)}
        return patience | {"client_kwargs": {"trust_env": True}}  # HTTPS_PROXY and its like
    return {}  # the other clients have limits of their own, and heed what the environment says


def _authorities_for_s3() -> str | None:
    """Botocore, alone among the clients, does not look at SSL_CERT_FILE. What is set for AWS alone counts more."""
    return None if os.environ.get("AWS_CA_BUNDLE") else os.environ.get("SSL_CERT_FILE")


def _cause(error: Exception) -> Exception:
    """fsspec's HTTP says of whatever fails that there is no such file; what it was is the cause of that."""
    if isinstance(error, FileNotFoundError) and isinstance(error.__cause__, aiohttp.ClientError | TimeoutError):
        return error.__cause__
    return error


def _status(error: Exception) -> int | None:
    response = getattr(error, "response", None)
    status = getattr(error, "status", None) or getattr(response, "status_code", None)
    return status if isinstance(status, int) else None


def _is_missing(error: Exception) -> bool:
    return isinstance(error, FileNotFoundError) or _status(error) in (404, 410)


def _is_denied(error: Exception) -> bool:
    return isinstance(error, PermissionError) or _status(error) in (401, 403)


def _is_distrusted(error: BaseException | None) -> bool:
    """Whether it comes of a certificate by an authority that is not known here."""
    return error is not None and (
        isinstance(error, ssl.SSLCertVerificationError) or _is_distrusted(error.__cause__ or error.__context__)
    )


def _in_words(error: Exception, url: str) -> str:
    """What went wrong, and what to do about it."""
    if _is_distrusted(error):
        return (
            "its certificate is by nobody who is trusted here. Behind a proxy that opens TLS, set SSL_CERT_FILE to a"
            " file of certificates, the proxy's among them."
        )
    match error:
        case ConfigurationError():
            return str(error)
        case ImportError():
            return f"this takes a package that is not here: {error}"
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
    advice = "Check the URL, the network and any proxy, and what lets you in."
    if url.startswith(HUB):
        advice = "Check the network and any proxy, HF_ENDPOINT and HF_TOKEN."
    if url.startswith(_S3):
        advice = "Check the credentials (AWS_ACCESS_KEY_ID and its like, or a role) and AWS_ENDPOINT_URL."
    if _is_denied(error):
        hint = " S3 also says so of a file that is not there to who may not list the bucket (s3:ListBucket)."
        return f"access is denied ({_status(error) or 403}). {advice}{hint if url.startswith(_S3) else ''}"
    first, *_ = str(error).splitlines() or [""]
    return f"{type(error).__name__}: {first}. {advice} Files that have come are kept."
