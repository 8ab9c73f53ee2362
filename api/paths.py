"""The paths that more than one room treats in its own way, and the several ways in which clients write one.

Behind a proxy the server may be at a prefix, `https://example.org/speech/`. The proxy says so in X-Forwarded-Prefix, or
the operator in XTTS_ROOT_PATH; whether it takes the prefix off the path or leaves it on does not matter.
"""

import re
from typing import Final

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from bentoml_patches.connections import PROBES as PROBES

METRICS: Final = "/metrics"
OPENAI: Final = "/v1/"
PLAYBACK: Final = "/generate/stream"
LISTS: Final = frozenset(("/v1/models", "/v1/audio/models", "/v1/audio/voices"))  # front ends ask without their key
DOCUMENTATION: Final = frozenset(("/", "/favicon.ico", "/docs", "/docs.json", "/schema.json"))
FILES: Final = ("/static_content/", "/studio/")  # of the documentation and the studio
LIVE: Final = re.compile(r"/generate/live|/v1/text-to-speech/[^/]+/stream-input")  # WebSockets, whose key may follow
PREFIX: Final = re.compile(r"(/[A-Za-z0-9._~-]+)+")
_SCOPES_PREFIX: Final = "xtts.prefix"
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

    def __init__(self, app: ASGIApp, root_path: str) -> None:
        self.app = app
        self.root_path = root_path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if "path" in scope:
            prefix = self._prefix(scope)
            path = scope["path"]
            if prefix and f"{path}/".startswith(f"{prefix}/"):
                path = path.removeprefix(prefix)
            scope = {**scope, "path": canonical(path), _SCOPES_PREFIX: prefix}
        await self.app(scope, receive, send)

    def _prefix(self, scope: Scope) -> str:
        sent = Headers(scope=scope).get("x-forwarded-prefix", "").rstrip("/")
        return sent if PREFIX.fullmatch(sent) else self.root_path


def prefix_of(scope: Scope) -> str:
    """What this server's own paths begin with in its caller's eyes: "", or a path such as `/speech`."""
    prefix: str = scope.get(_SCOPES_PREFIX, "")
    return prefix


def parse_prefix(text: str) -> str:
    """Raises ValueError, which says what would be right."""
    if text.rstrip("/") and not PREFIX.fullmatch(text.rstrip("/")):
        raise ValueError("a path such as /speech")
    return text.rstrip("/")
