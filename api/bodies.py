"""Whatever body is sent as the JSON that it stands for, so that behind this there is one kind of body only.

`curl -d` calls JSON a form, others give it no name or a byte order mark. Forms stand for JSON, too, and one field may
stand in the address: `?subtitles=srt`.
"""

import codecs
import json
from collections.abc import Collection
from typing import Any

from starlette.datastructures import FormData, MutableHeaders, QueryParams
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.error_responses import answer
from api.errors import WrongMediaType
from api.limits import read_body
from bentoml_patches.replay import replay
from runners.errors import InvalidInput

FORMS = ("multipart/form-data", "application/x-www-form-urlencoded")
TEXTS = ("text", "language", "voice", "output_format", "subtitles")  # of a form, as they are; the other fields are JSON
IN_ADDRESS = "subtitles"
WANTED = "This route takes JSON: send content-type: application/json"
PACKED = "The body is compressed; send it as it is, without content-encoding."


class Bodies:
    """What looks like an object or an array is one. Anything else that is neither JSON nor a form is a 415.

    Forms, and the field in the address, are taken under `speech`; of long jobs, under `long`, the field goes into the
    defaults of their samples. What comes to `uploads`, and other multipart forms, are left alone.
    """

    def __init__(self, app: ASGIApp, uploads: Collection[str], speech: str, long: str) -> None:
        self.app = app
        self.uploads = uploads
        self.speech = speech
        self.long = long

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] not in ("POST", "PUT"):
            return await self.app(scope, receive, send)
        headers = MutableHeaders(raw=list(scope["headers"]))
        if headers.get("content-encoding", "identity").lower() != "identity":
            return await answer(WrongMediaType(PACKED))(scope, receive, send)
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        speech = scope["path"].startswith(self.speech)
        if scope["path"] in self.uploads or (kind == "multipart/form-data" and not speech):
            return await self.app(scope, receive, send)
        sent = b"".join([message.get("body", b"") for message in await read_body(receive)])
        body = sent.removeprefix(codecs.BOM_UTF8)
        if kind != "multipart/form-data" and body.lstrip()[:1] in (b"{", b"["):
            headers["content-type"] = "application/json"
        elif kind in FORMS and speech:
            try:
                body = await _from_form(scope, replay([_message(sent)], receive))
            except InvalidInput as error:
                return await answer(error)(scope, receive, send)
            headers["content-type"] = "application/json"
        elif body and not (kind == "application/json" or kind.endswith("+json")):
            return await answer(WrongMediaType(WANTED))(scope, receive, send)
        if speech and (value := QueryParams(scope["query_string"]).get(IN_ADDRESS)) is not None:
            body = _with_field(body, value, default=scope["path"].startswith(self.long))
        headers["content-length"] = str(len(body))
        await self.app({**scope, "headers": headers.raw}, replay([_message(body)], receive), send)


def _message(body: bytes) -> Message:
    return {"type": "http.request", "body": body, "more_body": False}


async def _from_form(scope: Scope, receive: Receive) -> bytes:
    """Raises InvalidInput."""
    try:
        return json.dumps(_fields(await Request(scope, receive).form())).encode()
    except HTTPException as error:
        raise InvalidInput(f"The form data is broken: {error.detail}") from error


def _fields(form: FormData) -> dict[str, Any]:
    """A field of more than text, such as `segments`, holds JSON."""
    fields: dict[str, Any] = {}
    for name, value in form.items():
        if not isinstance(value, str):
            raise InvalidInput("A file where text is expected.", param=name)
        fields[name] = value if name in TEXTS else _json(value)
    return fields


def _json(value: str) -> Any:
    try:
        return json.loads(value)
    except (ValueError, RecursionError):  # a name, such as a style; or nonsense, which validation will name
        return value


def _with_field(body: bytes, value: str, *, default: bool) -> bytes:
    """What is wrong with the body is left for validation to find."""
    try:
        fields: Any = json.loads(body)
        if default:
            fields["defaults"] = {IN_ADDRESS: value, **fields.get("defaults", {})}
        else:
            fields = {IN_ADDRESS: value, **fields}
        return json.dumps(fields).encode()
    except (ValueError, TypeError, AttributeError, RecursionError):
        return body
