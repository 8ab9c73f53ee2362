"""A connection to a dependency of the service, in place of BentoML's proxy."""

import os
from urllib.parse import urlparse
from urllib.request import url2pathname

import httpx

LIMITS = httpx.Limits(max_keepalive_connections=32, keepalive_expiry=2.0)  # uvicorn closes idle ones after 5 s


def connect(url: str) -> httpx.AsyncClient:
    """A client of the service at `url`, as BentoML names it: `file://` and a socket's path, or `tcp://host:port`.

    Its connections are not limited: a request waits in the engine's queue, which knows how long it is, or nowhere.
    """
    parsed = urlparse(url)
    uds = _handle(url2pathname(parsed.path)) if parsed.scheme == "file" else None
    transport = httpx.AsyncHTTPTransport(uds=uds, limits=LIMITS)
    base_url = "http://runner" if uds else f"http://{parsed.netloc}"
    return httpx.AsyncClient(base_url=base_url, transport=transport, timeout=None)


def _handle(path: str) -> str:
    """A name of the socket that lasts: BentoML removes its own as soon as the server is told to stop, and the requests
    in flight still need it then."""
    return f"/proc/self/fd/{os.open(path, os.O_PATH)}" if hasattr(os, "O_PATH") else path
