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
class Fault:
    type: str
    code: str | None
    status: int | None = None  # None: as it was


FAULTS: Final = {  # by our own type
    "unauthorized": Fault(INVALID, "invalid_api_key"),
    "model_not_found": Fault(INVALID, "model_not_found"),
    "voice_not_found": Fault(INVALID, "voice_not_found", 400),
    "not_found": Fault(INVALID, "unknown_url"),
    "method_not_allowed": Fault(INVALID, "method_not_supported"),
    "body_too_large": Fault(INVALID, "request_too_large"),
    "rate_limited": Fault(LIMIT, "rate_limit_exceeded"),
    "overloaded": Fault(LIMIT, "overloaded"),
    "loading": Fault(SERVER, "model_loading"),
    "deadline_exceeded": Fault(SERVER, "timeout"),
}


def as_openai(response: JSONResponse, error: dict[str, Any]) -> JSONResponse:
    """The response again, with `error` (that of api/error_responses.py) as OpenAI would put it."""
    status = response.status_code
    fault = FAULTS.get(error["type"]) or (Fault(SERVER, None) if status >= 500 else Fault(INVALID, None, 400))
    param = FIELDS.get(error["param"], error["param"])
    body = {"error": {"message": error["message"], "type": fault.type, "param": param, "code": fault.code}}
    headers = {name: value for name, value in response.headers.items() if not name.startswith("content-")}
    return JSONResponse(body, fault.status or status, headers)
