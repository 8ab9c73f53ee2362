"""What all that fsspec opens (s3://, https://, gs://, ...) has in common here: how long its clients wait, through which
proxy, and its faults in words.

Each filesystem raises what its client library does. Credentials and endpoints come from the environment, as each
filesystem's own tools take them.
"""

import os
import ssl
from collections.abc import Iterator, Mapping
from typing import Any, Final

from runners.errors import ConfigurationError

SILENCE: Final = 10.0  # seconds in which a server sends nothing, after which it counts as gone
S3: Final = ("s3://", "s3a://")
VERSIONS: Final = ("ETag", "etag", "Last-Modified", "mtime", "created")  # what filesystems call it, the best first


def client_settings(url: str, *, silence: float = SILENCE) -> dict[str, Any]:
    """Options by which a filesystem's client gives up on a server that says nothing, and by which it goes through the
    proxy and trusts the authorities that the environment names.
    """
    if url.startswith(S3):  # s3fs repeats what fails: were its client to do so too, it would take many minutes
        patience: dict[str, Any] = {"config_kwargs": {"retries": {"max_attempts": 0}, "read_timeout": silence}}
        if style := os.environ.get("AWS_S3_URL_STYLE"):  # Railway's name; botocore takes this from a file only
            patience["config_kwargs"]["s3"] = {"addressing_style": style}
        return patience | ({"client_kwargs": {"verify": bundle}} if (bundle := _authorities_for_s3()) else {})
    if url.startswith("http"):  # by itself it gives every answer five minutes, also one that flows
        import aiohttp  # takes a while

        patience = {"timeout": aiohttp.ClientTimeout(total=None, sock_connect=silence, sock_read=silence)}
        return patience | {"client_kwargs": {"trust_env": True}}  # HTTPS_PROXY and its like
    return {}  # the other clients have limits of their own, and heed what the environment says


def version_of(info: Mapping[str, Any]) -> str:
    """Of a file that fsspec describes: changes when the content does. Empty where its server tells of no such thing."""
    return next((str(info[key]) for key in VERSIONS if info.get(key)), "")


def is_missing(error: Exception) -> bool:
    return isinstance(error, FileNotFoundError) or status_of(error) in (404, 410)


def is_denied(error: Exception) -> bool:
    return isinstance(error, PermissionError) or status_of(error) in (401, 403)


def is_distrusted(error: BaseException | None) -> bool:
    """Whether it comes of a certificate by an authority that is not known here."""
    return any(isinstance(each, ssl.SSLCertVerificationError) for each in causes(error))


def causes(error: BaseException | None) -> Iterator[BaseException]:
    """The error, and what it comes of."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def status_of(error: Exception) -> int | None:
    response = getattr(error, "response", None)
    status = getattr(error, "status", None) or getattr(response, "status_code", None)
    return status if isinstance(status, int) else None


def in_words(error: Exception, url: str, advice: str | None = None) -> str:
    """What went wrong, and what to do about it. `advice`: where it is neither S3's nor the plain web's."""
    if is_distrusted(error):
        return (
            "its certificate is by nobody who is trusted here. Behind a proxy that opens TLS, set SSL_CERT_FILE to a"
            " file of certificates, the proxy's among them."
        )
    if isinstance(error, ConfigurationError):
        return str(error)
    if isinstance(error, ImportError):
        return f"this takes a package that is not here: {error}"
    advice = advice or "Check the URL, the network and any proxy, and what lets you in."
    if url.startswith(S3):
        advice = "Check the credentials (AWS_ACCESS_KEY_ID and its like, or a role) and AWS_ENDPOINT_URL."
    if is_denied(error):
        hint = " S3 also says so of a file that is not there to who may not list the bucket (s3:ListBucket)."
        return f"access is denied ({status_of(error) or 403}). {advice}{hint if url.startswith(S3) else ''}"
    first, *_ = str(error).splitlines() or ["no answer in time" if isinstance(error, TimeoutError) else ""]
    return f"{type(error).__name__}: {first}. {advice}"


def _authorities_for_s3() -> str | None:
    """Botocore, alone among the clients, does not look at SSL_CERT_FILE. What is set for AWS alone counts more."""
    return None if os.environ.get("AWS_CA_BUNDLE") else os.environ.get("SSL_CERT_FILE")
