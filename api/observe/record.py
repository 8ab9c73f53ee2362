"""What is logged and counted of the request in hand once it is over, gathered from whoever knows it. No text is.

A record goes where the request goes, into the tasks and threads it starts too; nobody has to pass it on.
"""

import time
from collections.abc import Iterable
from contextvars import ContextVar
from dataclasses import dataclass, field

from runners.types import Utterance


@dataclass(slots=True)
class Record:
    began: float = field(default_factory=time.perf_counter)
    caller: str = ""  # where it was not known from the start
    error: str = ""  # the type of the error that was answered, or that broke the answer off
    voices: dict[str, None] = field(default_factory=dict)  # names, as they first came
    languages: dict[str, None] = field(default_factory=dict)
    characters: int = 0  # asked for
    audio_seconds: float = 0.0  # from the model, before anything is trimmed
    first_audio_seconds: float | None = None  # until the model's first

    def asked(self, utterances: Iterable[Utterance]) -> None:
        for utterance in utterances:
            self.characters += len(utterance.text)
            self.languages[utterance.language] = None

    def arrived(self, seconds: float) -> None:
        """The next so many seconds of audio are there."""
        if self.first_audio_seconds is None:
            self.first_audio_seconds = time.perf_counter() - self.began
        self.audio_seconds += seconds


_record: ContextVar[Record] = ContextVar("record")


def start_record() -> Record:
    record = Record()
    _record.set(record)
    return record


def record() -> Record:
    """The request's; outside of any request one that nobody reads."""
    return _record.get(None) or Record()
