"""What can go wrong between a text and its samples, as types. Knows no HTTP statuses and imports no torch.

SpeechError
├── InvalidInput        the caller's fault: names the field and says what would be right
│   ├── UnreadableClip  a reference clip that cannot be decoded or is too short for conditioning
│   ├── UnreadableLatents  a latents file that is damaged, or no such file
│   └── ForeignLatents  latents that another checkpoint made
├── Overloaded          the queue is full: come back in `retry_after` seconds
├── ModelLoading        the model is not there yet
├── StorageAway         the bucket does not answer: come back in `retry_after` seconds
├── DeadlineExceeded    the request's time is up; its slots are free again
└── EngineFailure       the step this request was in failed (out of memory, NaN); the engine goes on

ConfigurationError      start-up stops: an environment variable or a model source is wrong (not a SpeechError)
"""

from typing import Any, ClassVar


class SpeechError(Exception):
    """A request that got no speech. `param` names the request field at fault, where one is."""

    type: ClassVar[str] = "speech_error"

    def __init__(self, message: str, *, param: str | None = None, utterance: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        self.utterance = utterance  # where the fault is, by its index in the request, once that is known

    def at(self, utterance: int) -> "SpeechError":
        """The same error, a copy: this one may be shared by several requests."""
        return rebuild(type(self), {**vars(self), "utterance": utterance})

    def __reduce__(self) -> tuple[Any, ...]:
        return rebuild, (type(self), vars(self))


def rebuild(cls: type[SpeechError], attributes: dict[str, Any]) -> SpeechError:
    """The error as it was before it crossed to another process."""
    error = cls.__new__(cls, attributes["message"])
    error.__dict__.update(attributes)
    error.args = (attributes["message"],)
    return error


class InvalidInput(SpeechError):
    type = "invalid_request"


class UnreadableClip(InvalidInput):
    type = "unreadable_audio"


class UnreadableLatents(InvalidInput):
    type = "unreadable_latents"


class ForeignLatents(InvalidInput):
    type = "foreign_latents"


class Overloaded(SpeechError):
    type = "overloaded"

    def __init__(self, message: str, *, retry_after: float) -> None:
        super().__init__(message)
        self.retry_after = retry_after  # seconds


class StorageAway(SpeechError):
    type = "storage_away"
    retry_after: ClassVar[float] = 5.0  # seconds


class ModelLoading(SpeechError):
    type = "loading"


class DeadlineExceeded(SpeechError):
    type = "deadline_exceeded"


class EngineFailure(SpeechError):
    type = "engine_failure"


class ConfigurationError(SystemExit):
    """Start-up cannot go on. The message names the environment variable and says what to do.

    A SystemExit, so that wherever it surfaces (at import, in a start-up hook) the operator gets the message and a
    failing exit code instead of a traceback.
    """
