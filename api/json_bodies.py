"""JSON that is sent by another name or with a byte order mark: `curl -d` calls it a form, others give it no name."""

import codecs
from collections.abc import Collection

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.error_responses import answer
from api.errors import WrongMediaType
from api.forms import FORMS
from api.limits import read_body
from bentoml_patches.replay import replay

WANTED = "This route takes JSON: send content-type: application/json"
PACKED = "The body is compressed; send it as it is, without content-encoding."


class JsonBodies:
    """What looks like an object or an array gets the header of one. Anything else that is no JSON is a 415.

    Left alone are forms where they are taken: at `uploads`, and under `forms`.
    """

    def __init__(self, app: ASGIApp, uploads: Collection[str], forms: str) -> None:
        self.app = app
        self.uploads = uploads
        self.forms = forms

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] not in ("POST", "PUT"):
            return await self.app(scope, receive, send)
        headers = MutableHeaders(raw=list(scope["headers"]))
        if headers.get("content-encoding", "identity").lower() != "identity":
            return await answer(WrongMediaType(PACKED))(scope, receive, send)
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        if scope["path"] in self.uploads or kind == "multipart/form-data":
            return await self.app(scope, receive, send)
        body = b"".join([message.get("body", b"") for message in await read_body(receive)])
        body = body.removeprefix(codecs.BOM_UTF8)
        if kind != "application/json" and body.lstrip()[:1] in (b"{", b"["):
            headers["content-type"] = "application/json"
        elif body and not _is_json(kind) and not (kind in FORMS and scope["path"].startswith(self.forms)):
            return await answer(WrongMediaType(WANTED))(scope, receive, send)
        if "content-length" in headers:
            headers["content-length"] = str(len(body))
        message: Message = {"type": "http.request", "body": body, "more_body": False}
        await self.app({**scope, "headers": headers.raw}, replay([message], receive), send)


def _is_json(kind: str) -> bool:
    return kind == "application/json" or kind.endswith("+json")
