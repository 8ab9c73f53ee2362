"""A middleware that gives our error body to what BentoML and Starlette answer by themselves: failed validation, an
unknown path, a wrong method, an unforeseen fault. Under /v1/ all errors get OpenAI's.
"""

import json
import logging
from http import HTTPStatus

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.auth.security import NO_KEY
from api.error_responses import error_body, invalid, refuse
from api.errors import FALLBACKS, Unauthorized, error_type
from api.openai.errors import as_openai
from api.paths import OPENAI

log = logging.getLogger(__name__)

NO_WEBSOCKET = "There is no WebSocket here; the other routes are in /docs.json."
KEPT = ("content-range",)  # of the headers that tell of a body: this one tells of the whole file
NO_ROUTE = {
    404: "There is nothing at this path; the routes are in /docs.json.",
    405: "Not by this method; the routes are in /docs.json.",
}
UNREADABLE = "The body is not JSON in UTF-8, or is nested too deeply."
UNFORESEEN = "Internal Server Error; the server's log says why."


class ErrorBodies:
    """Rewrites error responses that do not have our body yet. Successful ones pass through untouched.

    What is raised further in ends here, in a line of the log and a 500.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            return await self.app(scope, receive, _explained(scope, receive, send))
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        start: Message | None = None  # of an error response, held back until its body is whole
        body = b""
        begun = False

        async def send_rewritten(message: Message) -> None:
            nonlocal start, body, begun
            if message["type"] == "http.response.start" and message["status"] >= 400:
                start = message
            elif start is None:
                begun = True
                await send(message)
            else:
                body += message.get("body", b"")
                if not message.get("more_body", False):
                    begun = True
                    await _for_path(scope, _rewritten(start, body))(scope, receive, send)

        try:
            await self.app(scope, receive, send_rewritten)
        except Exception:  # unexpected, and there is no other place to answer
            log.exception("A request failed with an unexpected error")
            if not begun:
                failure = JSONResponse(error_body("internal_error", UNFORESEEN), 500)
                await _for_path(scope, failure)(scope, receive, send)


def _explained(scope: Scope, receive: Receive, send: Send) -> Send:
    """For a WebSocket: one that is closed before it was accepted gets an answer that says why, not a bare 403."""
    accepted = False

    async def send_explained(message: Message) -> None:
        nonlocal accepted
        accepted = accepted or message["type"] == "websocket.accept"
        if accepted or message["type"] != "websocket.close":
            await send(message)
        elif "user" not in scope:  # AuthenticationMiddleware found nobody
            await refuse(Unauthorized(NO_KEY))(scope, receive, send)
        else:
            await JSONResponse(error_body("not_found", NO_WEBSOCKET), 404)(scope, receive, send)

    return send_explained


def _for_path(scope: Scope, response: JSONResponse) -> JSONResponse:
    """With the body that clients of this path expect."""
    if not scope["path"].startswith(OPENAI):
        return response
    return as_openai(response, json.loads(bytes(response.body))["error"])


def _rewritten(start: Message, body: bytes) -> JSONResponse:
    status, headers = start["status"], Headers(raw=start["headers"])
    kept = {name: value for name, value in headers.items() if name in KEPT or not name.startswith("content-")}
    try:
        content = json.loads(body)
    except ValueError:
        content = None
    match content:
        case {"error": {"type": _, "message": _}}:
            return JSONResponse(content, status, kept)
        case {"detail": [{"loc": _, "msg": _}, *_] as faults}:  # pydantic, by way of BentoML (400) or FastAPI (422)
            return invalid(faults, kept)
        case {"detail": "There was an error parsing the body"}:  # FastAPI's words
            return JSONResponse(error_body("invalid_request", UNREADABLE), HTTPStatus.UNPROCESSABLE_ENTITY, kept)
        case {"detail": "Not Found" | "Method Not Allowed"}:  # Starlette's words
            pass
        case [{"error": str(message)}] | {"error": str(message)} | {"detail": str(message)} if status < 500:
            return JSONResponse(error_body(FALLBACKS.get(status, "invalid_request"), message), status, kept)
    message = UNFORESEEN if status == 500 else NO_ROUTE.get(status, HTTPStatus(status).phrase)
    return JSONResponse(error_body(error_type(status), message), status, kept)
