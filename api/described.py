"""What routes say of their answers, for the documentation: their errors, and audio files with their headers."""

from http import HTTPStatus
from typing import Any, Final, get_args

from pydantic import BaseModel, Field

from api.audio.formats import media_type
from api.schemas import OutputFormat

RATE: Final = 24_000
BINARY: Final = {"schema": {"type": "string", "format": "binary"}}
AUDIO: Final = {media_type(form, RATE).partition(";")[0]: BINARY for form in get_args(OutputFormat)}


class ErrorDetail(BaseModel):
    type: str = Field(description="Fit for programs; does not change.", examples=["invalid_request"])
    message: str = Field(description="Fit for people: what is wrong and what would be right.")
    param: str | None = Field(description="The field at fault, as a path: `segments.2.text`. null: no single one.")


class ErrorBody(BaseModel):
    error: ErrorDetail


class OpenAIErrorDetail(BaseModel):
    message: str
    type: str
    param: str | None
    code: str | None


class OpenAIErrorBody(BaseModel):
    """What OpenAI's clients expect of the routes under /v1/."""

    error: OpenAIErrorDetail


MEANINGS: Final = {
    400: "The request cannot be understood.",
    401: "The server has API keys, and the request has none of them.",
    404: "There is nothing of that name.",
    405: "Not by this method.",
    409: "What is there stands against it: the message says what.",
    413: "The body is too large.",
    415: "The body is of a kind that is not taken here.",
    422: "A field is missing, unknown or out of range, or what it names cannot be used.",
    429: "The queue is full, or the caller is over a limit. `Retry-After` says for how long to stay away.",
    500: "Our fault; the server's log says why.",
    503: "The model is still loading, or the jobs' database or the bucket of files does not answer.",
    504: "It took longer than the server allows. The work was dropped.",
    507: "There is no room to store it.",
}
COMMON: Final = (429, 500)  # of every route that is not open to all
WITH_KEYS: Final = (401, *COMMON)  # the same, where there are keys
WITH_BODY: Final = (400, 413, 415, 422)  # of those that take one


def errors(*statuses: int, body: type[BaseModel] = ErrorBody) -> dict[int | str, dict[str, Any]]:
    """For a route's `responses`: its own errors. Those that it shares with all others are added to the document."""
    return {status: {"model": body, "description": MEANINGS[status]} for status in statuses}


def response_of(status: int, body: type[BaseModel]) -> dict[str, Any]:
    """An error as OpenAPI writes it."""
    schema = {"$ref": f"#/components/schemas/{body.__name__}"}
    description = MEANINGS.get(status, HTTPStatus(status).phrase)
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def _header(kind: str, description: str) -> dict[str, Any]:
    return {"schema": {"type": kind}, "description": description}


AUDIO_HEADERS: Final = {
    "X-Seed": _header("integer", "The same one gives the same audio."),
    "X-Audio-Duration": _header("number", "Seconds."),
    "X-Sample-Rate": _header("integer", "Hz."),
    "X-Nothing-To-Say": _header("string", "`true`: the text had nothing to say, so the audio is silence."),
    "X-Queue-Wait": _header("number", "Seconds that it waited for a slot and, as a stream, for its turn to begin."),
    "X-Language": _header("string", "The language of the text; of segments, one for each."),
}
SEGMENTS: Final = {"X-Segments": _header("string", "JSON: `[start, end]` seconds of each segment, sample-exact.")}


def audio_file(more: dict[str, Any] | None = None) -> dict[int | str, dict[str, Any]]:
    """For a route's `responses`: an audio file, or why there is none. `more`: headers besides the usual ones."""
    file = {
        "description": "An audio file in the format asked for.",
        "content": AUDIO,
        "headers": {**AUDIO_HEADERS, **(more or {})},
    }
    return {200: file, **errors(404, 503, 504)}
