"""The one place where errors become HTTP statuses, and the one JSON body that every error has:

    {"error": {"type": "invalid_request", "message": "speed: ...", "param": "speed"}}

`answer` serves what our own code raises. `ErrorBodies` is a middleware that gives the same body to what BentoML and
Starlette answer by themselves: failed validation, an unknown path, a wrong method, an unforeseen fault. Under /v1/ it
gives all of them OpenAI's.
"""

import json
import logging
import math
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.auth.rates import RateLimited
from api.jobs.store import JobNotDone, UnknownJob
from api.observe.record import record
from api.openai import errors as openai_errors
from api.voices.library import UnknownVoice
from api.voices.store import BuiltInVoice, StorageFailure, VoiceExists
from runners.errors import (
    DeadlineExceeded,
    EngineFailure,
    InvalidInput,
    ModelLoading,
    Overloaded,
    SpeechError,
)


class BodyTooLarge(SpeechError):
    type = "body_too_large"


class Unauthorized(SpeechError):
    type = "unauthorized"


class NotAForm(SpeechError):
    type = "unsupported_media_type"


class ClientGone(SpeechError):
    """Nobody reads this answer; logs and metrics count it."""

    type = "client_closed_request"


log = logging.getLogger(__name__)

UNFORESEEN = "Internal Server Error; the server's log says why."
CLIENT_CLOSED_REQUEST = 499  # nginx's number for it

STATUSES: dict[type[SpeechError], int] = {
    ClientGone: CLIENT_CLOSED_REQUEST,
    Unauthorized: HTTPStatus.UNAUTHORIZED,
    InvalidInput: HTTPStatus.UNPROCESSABLE_ENTITY,
    UnknownVoice: HTTPStatus.NOT_FOUND,
    openai_errors.UnknownModel: HTTPStatus.NOT_FOUND,
    UnknownJob: HTTPStatus.NOT_FOUND,
    VoiceExists: HTTPStatus.CONFLICT,
    JobNotDone: HTTPStatus.CONFLICT,
    BuiltInVoice: HTTPStatus.CONFLICT,
    BodyTooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    RateLimited: HTTPStatus.TOO_MANY_REQUESTS,
    NotAForm: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    Overloaded: HTTPStatus.TOO_MANY_REQUESTS,
    ModelLoading: HTTPStatus.SERVICE_UNAVAILABLE,
    DeadlineExceeded: HTTPStatus.GATEWAY_TIMEOUT,
    EngineFailure: HTTPStatus.INTERNAL_SERVER_ERROR,
    StorageFailure: HTTPStatus.INSUFFICIENT_STORAGE,
}
FALLBACKS = {404: "not_found", 405: "method_not_allowed", 415: "unsupported_media_type", 503: "loading"}
LIKELY = {int(status): cls.type for cls, status in STATUSES.items() if status < 500} | FALLBACKS


def status_of(error: SpeechError) -> int:
    return next((STATUSES[cls] for cls in type(error).__mro__ if cls in STATUSES), HTTPStatus.INTERNAL_SERVER_ERROR)


def error_type(status: int) -> str:
    """Of an error of which nothing but its status is known."""
    return LIKELY.get(status, "invalid_request" if status < 500 else "internal_error")


def answer(error: SpeechError, **extra: Any) -> JSONResponse:
    """The error's response; `extra` goes into its body next to `error`."""
    record().error = error.type
    body = {**extra, **_body(error.type, error.message, error.param)}
    return JSONResponse(body, status_of(error), _headers(error))


def invalid(faults: Sequence[Any]) -> JSONResponse:
    """The response to a body or a parameter in which pydantic found these faults."""
    return JSONResponse(_validation_body(list(faults)), HTTPStatus.UNPROCESSABLE_ENTITY)


def _headers(error: SpeechError) -> dict[str, str]:
    match error:
        case Unauthorized():
            return {"WWW-Authenticate": "Bearer"}
        case RateLimited():
            return {"Retry-After": str(error.standing.seconds_left)}
        case Overloaded():
            return {"Retry-After": str(math.ceil(error.retry_after))}
        case ModelLoading():
            return {"Retry-After": "5"}
        case BodyTooLarge():
            return {"Connection": "close"}  # or else the rest of it is received, however long it is
    return {}


def _body(kind: str, message: str, param: str | None = None) -> dict[str, Any]:
    return {"error": {"type": kind, "message": message, "param": param}}


class ErrorBodies:
    """Rewrites error responses that do not have our body yet. Successful ones pass through untouched.

    What is raised further in ends here, in a line of the log and a 500.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
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
                    await _spoken_for(scope, _rewritten(start, body))(scope, receive, send)

        try:
            await self.app(scope, receive, send_rewritten)
        except Exception:  # nobody foresaw it, and nobody else would answer
            log.exception("A request failed in a way that nobody foresaw")
            if not begun:
                failure = JSONResponse(_body("internal_error", UNFORESEEN), 500)
                await _spoken_for(scope, failure)(scope, receive, send)


def _spoken_for(scope: Scope, response: JSONResponse) -> JSONResponse:
    """As those expect it who ask under this path."""
    if not scope["path"].startswith(openai_errors.PATH):
        return response
    return openai_errors.as_openai(response, json.loads(bytes(response.body))["error"])


def _rewritten(start: Message, body: bytes) -> JSONResponse:
    status, headers = start["status"], Headers(raw=start["headers"])
    kept = {name: value for name, value in headers.items() if not name.startswith("content-")}  # that was the body's
    try:
        content = json.loads(body)
    except ValueError:
        content = None
    match content:
        case {"error": {"type": _, "message": _}}:
            return JSONResponse(content, status, kept)
        case {"detail": [{"loc": _, "msg": _}, *_] as faults}:  # pydantic, by way of BentoML (400) or FastAPI (422)
            return JSONResponse(_validation_body(faults), HTTPStatus.UNPROCESSABLE_ENTITY, kept)
        case [{"error": str(message)}] | {"error": str(message)} | {"detail": str(message)} if status < 500:
            return JSONResponse(_body(FALLBACKS.get(status, "invalid_request"), message), status, kept)
    message = UNFORESEEN if status == 500 else HTTPStatus(status).phrase
    return JSONResponse(_body(FALLBACKS.get(status, "internal_error"), message), status, kept)


def _validation_body(faults: list[dict[str, Any]]) -> dict[str, Any]:
    """All faults in one message; `param` names the first field, as a path such as `segments.2.text`."""
    where = [_field(fault) for fault in faults]
    said = [fault["msg"].removeprefix("Value error, ") for fault in faults]
    message = "; ".join(f"{at}: {what}" if at else what for at, what in zip(where, said, strict=True))
    return _body("invalid_request", _encodable(message), _encodable(where[0]) or None)


def _encodable(text: str) -> str:
    """What JSON calls a string may be none: half of a surrogate pair has no UTF-8."""
    return text.encode("utf-8", "replace").decode()


def _field(fault: dict[str, Any]) -> str:
    if fault.get("type") == "json_invalid":  # then it is a place in the text
        return ""
    where = [str(part) for part in fault["loc"]]
    return ".".join(where[1:] if where[:1] in (["body"], ["query"], ["path"]) else where)
