"""The paths that more than one room treats in its own way, and the several ways in which clients write one."""

import re
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from bentoml_patches.connections import PROBES as PROBES

METRICS: Final = "/metrics"
OPENAI: Final = "/v1/"
LISTS: Final = frozenset(("/v1/models", "/v1/audio/models", "/v1/audio/voices"))  # front ends ask without their key
DOCUMENTATION: Final = frozenset(("/", "/docs.json", "/schema.json"))  # browsers open it without a header
FILES: Final = "/static_content/"  # of the documentation
OPEN: Final = PROBES | DOCUMENTATION  # nothing in them is secret


def is_open(path: str) -> bool:
    """Whether anybody may have what is there, key or no key, as often as they like."""
    return path in OPEN or path.startswith(FILES)


def canonical(path: str) -> str:
    """A base URL is configured with `/v1` or without, with a slash at its end or without, and gets a path added."""
    path = re.sub("/{2,}", "/", path).rstrip("/") or "/"
    while path.startswith("/v1/v1/"):
        path = path.removeprefix("/v1")
    return f"/v1{path}" if path.startswith("/audio/") else path


class CanonicalPaths:
    """What is behind this knows one path of a route. Nobody is redirected: that would lead to the Host header."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if "path" in scope:
            scope = {**scope, "path": canonical(scope["path"])}
        await self.app(scope, receive, send)
