"""One sample of a job on its way from passages to a file."""

import dataclasses
import io
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from api.audio.recording import AudioSpec, Recording
from api.jobs.schemas import Sample
from api.jobs.store import Entry
from api.runner_client import UtteranceAudio
from runners.errors import SpeechError
from runners.types import Audio, Event, PieceDone, Utterance


@dataclass(frozen=True, slots=True)
class Passage:
    part: int  # index in the sample: a segment, or a paragraph
    utterance: Utterance


@dataclass(slots=True, eq=False)
class RenderTask:
    sample: Sample
    passages: list[Passage]
    speeches: dict[int, UtteranceAudio] = field(default_factory=dict)  # by passage
    error: SpeechError | None = None
    over: bool = False  # all is said, or nothing will come of it

    def note(self, index: int, outcome: UtteranceAudio | SpeechError) -> bool:
        """What came of a passage; whether that was the last that was missing."""
        if isinstance(outcome, SpeechError):
            self.error = outcome
        else:
            self.speeches[index] = outcome
        self.over = self.error is not None or len(self.speeches) == len(self.passages)
        return self.over

    def entry(self, rate: int) -> tuple[Entry, bytes | None]:
        """The manifest's entry, and the file if there is one. Takes as long as the audio is long."""
        try:
            if self.error is not None:
                raise self.error
            return self._file(rate)
        except SpeechError as error:
            return {"id": self.sample.id, "error": {"type": error.type, "message": error.message}}, None

    def _file(self, rate: int) -> tuple[Entry, bytes]:
        parts = self.sample.parts
        pauses = [part.pause_after for part in parts]
        file = io.BytesIO()
        with Recording(AudioSpec(self.sample.output_format, rate, pauses, self.sample.trims), file) as recording:
            for event in self._events(len(parts)):
                recording.feed(event)
            recording.end()
        entry = {
            "id": self.sample.id,
            "file": f"{self.sample.id}.{self.sample.output_format}",
            "duration": round(recording.seconds, 3),
            "seed": self.sample.seed,
            "language": [self._language(part) for part in range(len(parts))],
            "spans": recording.spans,
        }
        return entry, file.getvalue()

    def _events(self, parts: int) -> Iterator[Event]:
        """The speeches as the engine's events, a part of the sample being an utterance."""
        pieces: list[list[tuple[NDArray[np.float32], PieceDone]]] = [[] for _ in range(parts)]
        for index, passage in enumerate(self.passages):
            speech = self.speeches[index]
            pieces[passage.part] += zip(speech.pieces, speech.done, strict=True)
        for part, own in enumerate(pieces):
            for number, (samples, done) in enumerate(own):
                yield Audio(part, number, samples)
                yield dataclasses.replace(done, utterance=part, piece=number, last=number == len(own) - 1)

    def _language(self, part: int) -> str:
        return next(passage.utterance.language for passage in self.passages if passage.part == part)
