"""A field of a generate route's body that may stand in the address, too: `?subtitles=srt`."""

import json
from typing import Any

from starlette.datastructures import MutableHeaders, QueryParams
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.limits import read_body
from bentoml_patches.replay import replay

FIELD = "subtitles"


class AddressFields:
    """Puts it into bodies under `path`, which are JSON by now; of long jobs into the defaults of their samples."""

    def __init__(self, app: ASGIApp, path: str, long: str) -> None:
        """`long`: where the paths of long jobs begin."""
        self.app = app
        self.path = path
        self.long = long

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "POST" or not scope["path"].startswith(self.path):
            return await self.app(scope, receive, send)
        kind = QueryParams(scope["query_string"]).get(FIELD)
        if kind is None:
            return await self.app(scope, receive, send)
        body = b"".join([message.get("body", b"") for message in await read_body(receive)])
        body = _with(body, kind, long=scope["path"].startswith(self.long))
        headers = MutableHeaders(raw=list(scope["headers"]))
        headers["content-length"] = str(len(body))
        message: Message = {"type": "http.request", "body": body, "more_body": False}
        await self.app({**scope, "headers": headers.raw}, replay([message], receive), send)


def _with(body: bytes, kind: str, *, long: bool) -> bytes:
    """What is wrong with the body is left for validation to find."""
    try:
        fields: Any = json.loads(body)
        if long:
            fields["defaults"] = {FIELD: kind, **fields.get("defaults", {})}
        else:
            fields = {FIELD: kind, **fields}
        return json.dumps(fields).encode()
    except (ValueError, TypeError, AttributeError, RecursionError):
        return body
