"""Errors of the HTTP side, and the one table of HTTP statuses: those of runners/errors.py are in it too.

SpeechError
├── Unauthorized    no API key, or a wrong one
├── ClientGone      nobody reads this answer; logs and metrics count it
├── BodyTooLarge    longer than the route takes
├── WrongMediaType  a body of a kind that the route does not take
├── RateLimited     the caller has used up one of its limits
├── UnknownVoice    no voice of that name
├── UnknownModel    OpenAI's routes: no model of that name
├── UnknownJob      no long job of that id
├── JobNotDone      a long job has no result, not yet or not ever; the message says which
├── VoiceExists     an upload without `replace`
├── BuiltInVoice    a voice that cannot be replaced or deleted
├── JobsAway        the database of the jobs cannot be reached; all else goes on
└── StorageFailure  the disk is full, read-only or gone; the log says which
"""

import math
import time
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from runners.errors import (
    DeadlineExceeded,
    EngineFailure,
    InvalidInput,
    ModelLoading,
    Overloaded,
    SpeechError,
    StorageAway,
)

CLIENT_CLOSED_REQUEST: Final = 499  # nginx's number for it


class Unauthorized(SpeechError):
    type = "unauthorized"


class ClientGone(SpeechError):
    type = "client_closed_request"


class BodyTooLarge(SpeechError):
    type = "body_too_large"


class WrongMediaType(SpeechError):
    type = "unsupported_media_type"


@dataclass(frozen=True, slots=True)
class Standing:
    """How one limit stands for one caller."""

    limit: int
    remaining: int
    ends: float  # the window, in seconds since the epoch

    @property
    def seconds_left(self) -> int:
        """At least 1, and rounded up: who comes back after them finds a new window."""
        return max(1, math.ceil(self.ends - time.time()))


class RateLimited(SpeechError):
    type = "rate_limited"

    def __init__(self, message: str, standing: Standing) -> None:
        super().__init__(message)
        self.standing = standing


class UnknownVoice(SpeechError):
    type = "voice_not_found"


class UnknownModel(SpeechError):
    type = "model_not_found"


class UnknownJob(SpeechError):
    type = "job_not_found"


class JobNotDone(SpeechError):
    type = "job_not_done"


class VoiceExists(SpeechError):
    type = "voice_exists"


class BuiltInVoice(SpeechError):
    type = "built_in_voice"


class JobsAway(SpeechError):
    type = "jobs_away"


class StorageFailure(SpeechError):
    type = "storage_failure"


STATUSES: Final[dict[type[SpeechError], int]] = {
    ClientGone: CLIENT_CLOSED_REQUEST,
    Unauthorized: HTTPStatus.UNAUTHORIZED,
    InvalidInput: HTTPStatus.UNPROCESSABLE_ENTITY,
    UnknownVoice: HTTPStatus.NOT_FOUND,
    UnknownModel: HTTPStatus.NOT_FOUND,
    UnknownJob: HTTPStatus.NOT_FOUND,
    VoiceExists: HTTPStatus.CONFLICT,
    JobNotDone: HTTPStatus.CONFLICT,
    BuiltInVoice: HTTPStatus.CONFLICT,
    BodyTooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    RateLimited: HTTPStatus.TOO_MANY_REQUESTS,
    WrongMediaType: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    Overloaded: HTTPStatus.TOO_MANY_REQUESTS,
    ModelLoading: HTTPStatus.SERVICE_UNAVAILABLE,
    StorageAway: HTTPStatus.SERVICE_UNAVAILABLE,
    JobsAway: HTTPStatus.SERVICE_UNAVAILABLE,
    DeadlineExceeded: HTTPStatus.GATEWAY_TIMEOUT,
    EngineFailure: HTTPStatus.INTERNAL_SERVER_ERROR,
    StorageFailure: HTTPStatus.INSUFFICIENT_STORAGE,
}
FALLBACKS: Final = {404: "not_found", 405: "method_not_allowed", 415: "unsupported_media_type", 503: "loading"}
LIKELY: Final = {int(status): cls.type for cls, status in STATUSES.items() if status < 500} | FALLBACKS


def status_of(error: SpeechError) -> int:
    return next((STATUSES[cls] for cls in type(error).__mro__ if cls in STATUSES), HTTPStatus.INTERNAL_SERVER_ERROR)


def error_type(status: int) -> str:
    """Of an error of which nothing but its status is known."""
    return LIKELY.get(status, "invalid_request" if status < 500 else "internal_error")
