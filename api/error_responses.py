"""The one JSON body that every error has, made of what our own code raises and of the faults that pydantic finds:

{"error": {"type": "invalid_request", "message": "speed: ...", "param": "speed"}}
"""

import logging
import math
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from starlette.responses import JSONResponse

from api.errors import BodyTooLarge, JobsAway, RateLimited, Unauthorized, status_of
from api.observe.record import record
from runners.errors import ModelLoading, Overloaded, SpeechError, StorageAway

log = logging.getLogger(__name__)


def answer(error: SpeechError, **extra: Any) -> JSONResponse:
    """The error's response; `extra` goes into its body next to `error`."""
    record().error = error.type
    body = {**extra, **error_of(error)}
    return JSONResponse(body, status_of(error), _headers(error))


def refuse(error: SpeechError) -> JSONResponse:
    """The error's response. What is not the client's fault is logged with its cause."""
    response = answer(error)
    if response.status_code >= 500 and not isinstance(error, ModelLoading | StorageAway | JobsAway):
        log.error("%s: %s", error.type, error.message, exc_info=error.__cause__)
    return response


def invalid(faults: Sequence[Any], headers: Mapping[str, str] | None = None) -> JSONResponse:
    """The response to a body or a parameter in which pydantic found these faults.

    All of them are in one message; `param` names the first field, as a path such as `segments.2.text`.
    """
    where = [_field(fault) for fault in faults]
    message = "; ".join(f"{at or 'the body'}: {_words(fault)}" for at, fault in zip(where, faults, strict=True))
    body = error_body("invalid_request", message, where[0] or None)
    return JSONResponse(body, HTTPStatus.UNPROCESSABLE_ENTITY, headers)


def error_of(error: SpeechError) -> dict[str, Any]:
    return error_body(error.type, error.message, error.param)


def error_body(kind: str, message: str, param: str | None = None) -> dict[str, Any]:
    return {"error": {"type": kind, "message": _encodable(message), "param": param and _encodable(param)}}


def _headers(error: SpeechError) -> dict[str, str]:
    match error:
        case Unauthorized():
            return {"WWW-Authenticate": "Bearer"}
        case RateLimited():
            return {"Retry-After": str(error.standing.seconds_left)}
        case Overloaded() | StorageAway():
            return {"Retry-After": str(math.ceil(error.retry_after))}
        case ModelLoading() | JobsAway():
            return {"Retry-After": "5"}
        case BodyTooLarge():
            return {"Connection": "close"}  # or else the rest of it is received, however long it is
    return {}


def _words(fault: Mapping[str, Any]) -> str:
    """What is in a body or a parameter has been explained already; this is for a body that is not there or no JSON."""
    if fault["type"] == "json_invalid":
        told = fault.get("ctx", {}).get("error", "")  # FastAPI's place is in `loc`, pydantic's in the words
        at = f" at character {fault['loc'][-1] + 1}" if fault["loc"][1:] else ""
        return f"this is not JSON: {told or fault['msg'].removeprefix('Invalid JSON: ')}{at}"
    return {"Field required": "is missing"}.get(fault["msg"], fault["msg"].removeprefix("Value error, "))


def _encodable(text: str) -> str:
    """What JSON calls a string may be none: half of a surrogate pair has no UTF-8."""
    return text.encode("utf-8", "replace").decode()


def _field(fault: dict[str, Any]) -> str:
    if fault.get("type") == "json_invalid":  # then it is a place in the text
        return ""
    where = [str(part) for part in fault["loc"]]
    return ".".join(where[1:] if where[:1] in (["body"], ["query"], ["path"], ["header"]) else where)
