"""The id by which a request is known in the logs of every process that works on it."""

import re
import uuid
from contextvars import ContextVar
from typing import Any, Final

HEADER: Final = "X-Request-ID"
FIT: Final = re.compile(r"[\w.:/+=@~-]{1,128}", re.ASCII)  # for a log line and for a header

request_id: ContextVar[str] = ContextVar("request_id", default="")  # empty: it is no request's work


def id_for(presented: str) -> str:
    """What the caller calls its request, if that is fit to be repeated; else a name of ours."""
    return presented if FIT.fullmatch(presented) else uuid.uuid4().hex


class RequestIds:
    """An ASGI middleware: whatever a request sets off bears the id in its header."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            request_id.set(id_for(dict(scope["headers"]).get(HEADER.lower().encode(), b"").decode("latin-1")))
        await self.app(scope, receive, send)
