"""Form data as the JSON body that it stands for, so that behind this there is one kind of body only."""

import json
from typing import Any

from starlette.datastructures import FormData, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.error_responses import answer
from bentoml_patches.replay import replay
from runners.errors import InvalidInput

FORMS = ("multipart/form-data", "application/x-www-form-urlencoded")
TEXTS = ("text", "language", "voice", "output_format", "subtitles")  # taken as they are; the other fields are JSON


class FormBodies:
    """Rewrites form requests under `path`. A field of more than text, such as `segments`, holds JSON."""

    def __init__(self, app: ASGIApp, path: str) -> None:
        self.app = app
        self.path = path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(self.path):
            return await self.app(scope, receive, send)
        headers = MutableHeaders(raw=list(scope["headers"]))
        if not headers.get("content-type", "").lower().startswith(FORMS):
            return await self.app(scope, receive, send)
        try:
            body = json.dumps(_fields(await Request(scope, receive).form())).encode()
        except HTTPException as error:
            return await answer(InvalidInput(f"The form data is broken: {error.detail}"))(scope, receive, send)
        except InvalidInput as error:
            return await answer(error)(scope, receive, send)
        headers["content-type"], headers["content-length"] = "application/json", str(len(body))
        message: Message = {"type": "http.request", "body": body, "more_body": False}
        await self.app({**scope, "headers": headers.raw}, replay([message], receive), send)


def _fields(form: FormData) -> dict[str, Any]:
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
