"""What the server answers for one sample: speech, or why there is none. Knows HTTP but no retries."""

import json
import math
from dataclasses import dataclass
from typing import Any

import httpx

_BODY_SHOWN = 200  # characters of an answer that is not one of ours


@dataclass(frozen=True, slots=True)
class Speech:
    """A sound file and what the server says of it."""

    audio: bytes
    seed: int
    duration: float  # seconds
    sample_rate: int
    spans: list[tuple[float, float]] | None  # of each segment: its start and end in seconds


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a sample has no speech, as the server puts it."""

    type: str
    message: str
    param: str | None = None  # the field at fault
    status: int | None = None  # HTTP; None where no answer came

    def __str__(self) -> str:
        status = "" if self.status is None else f"HTTP {self.status} "
        param = "" if self.param is None else f"{self.param}: "
        return " ".join(f"{status}{self.type}: {param}{self.message}".split())


class SampleError(Exception):
    """This sample failed; the others can go on."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(str(failure))
        self.failure = failure


def read_answer(response: httpx.Response) -> Speech:
    """Raises SampleError where the answer is an error or is not speech."""
    if response.status_code != httpx.codes.OK:
        raise SampleError(_failure(response))
    try:
        return _speech(response)
    except (KeyError, ValueError, TypeError) as error:
        message = f"the answer is not speech from this API ({error}); is --server right?"
        raise SampleError(Failure("bad_answer", message, status=response.status_code)) from error


def _speech(response: httpx.Response) -> Speech:
    if not response.content:
        raise ValueError("no bytes")
    spans = response.headers.get("X-Segments")
    return Speech(
        audio=response.content,
        seed=int(response.headers["X-Seed"]),
        duration=_seconds(response.headers["X-Audio-Duration"]),
        sample_rate=int(response.headers["X-Sample-Rate"]),
        spans=None if spans is None else [(_seconds(start), _seconds(end)) for start, end in json.loads(spans)],
    )


def _seconds(value: Any) -> float:
    seconds = float(value)
    if not math.isfinite(seconds):
        raise ValueError(f"{value} seconds")
    return seconds


def _failure(response: httpx.Response) -> Failure:
    try:
        error: Any = response.json()["error"]
        param = error.get("param")
        return Failure(
            type=str(error["type"]),
            message=str(error["message"]),
            param=None if param is None else str(param),
            status=response.status_code,
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        body = response.text[:_BODY_SHOWN].strip() or response.headers.get("Location", "no reason given")
        return Failure("http_error", body, status=response.status_code)
