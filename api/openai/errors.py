"""OpenAI's error bodies, made of ours: `{"error": {"message", "type", "param", "code"}}`.

https://platform.openai.com/docs/guides/error-codes. Its clients choose their exceptions by the status, and what to
retry too.
"""

from dataclasses import dataclass
from typing import Any, Final

from starlette.responses import JSONResponse

FIELDS: Final = {"text": "input", "output_format": "response_format"}  # ours, and what they are called there

INVALID: Final = "invalid_request_error"
LIMIT: Final = "rate_limit_error"
SERVER: Final = "server_error"


@dataclass(frozen=True, slots=True)
class Kind:
    type: str
    code: str | None
    status: int | None = None  # None: as it was


KINDS: Final = {  # by our own type
    "unauthorized": Kind(INVALID, "invalid_api_key"),
    "model_not_found": Kind(INVALID, "model_not_found"),
    "voice_not_found": Kind(INVALID, "voice_not_found", 400),
    "not_found": Kind(INVALID, "unknown_url"),
    "unsupported_media_type": Kind(INVALID, None),
    "method_not_allowed": Kind(INVALID, "method_not_supported"),
    "body_too_large": Kind(INVALID, "request_too_large"),
    "rate_limited": Kind(LIMIT, "rate_limit_exceeded"),
    "overloaded": Kind(LIMIT, "overloaded"),
    "loading": Kind(SERVER, "model_loading"),
    "deadline_exceeded": Kind(SERVER, "timeout"),
}


def as_openai(response: JSONResponse, error: dict[str, Any]) -> JSONResponse:
    """The response again, with `error` (that of api/error_responses.py) as OpenAI would put it."""
    status = response.status_code
    kind = KINDS.get(error["type"]) or (Kind(SERVER, None) if status >= 500 else Kind(INVALID, None, 400))
    param = FIELDS.get(error["param"], error["param"])
    body = {"error": {"message": error["message"], "type": kind.type, "param": param, "code": kind.code}}
    headers = {name: value for name, value in response.headers.items() if not name.startswith("content-")}
    return JSONResponse(body, kind.status or status, headers)
