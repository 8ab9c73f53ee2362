"""One sample of a job on its way from passages to a file."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from api.audio.assemble import Segment, assemble, join_pieces
from api.audio.formats import encode
from api.jobs.schemas import Sample
from api.jobs.store import Entry
from api.runner_client import UtteranceAudio
from runners.errors import EngineFailure, SpeechError
from runners.types import Utterance

NOT_FINITE = "The model produced values that are not numbers for this sample."


@dataclass(frozen=True, slots=True)
class Passage:
    take: int  # index in the sample: a segment, a paragraph, or a part of one between pauses
    utterance: Utterance


@dataclass(slots=True, eq=False)
class RenderTask:
    sample: Sample
    passages: list[Passage]
    pauses: list[float]  # seconds after each take
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
        pieces: list[list[NDArray[np.float32]]] = [[] for _ in self.pauses]
        for index, passage in enumerate(self.passages):
            pieces[passage.take] += self.speeches[index].pieces
        segments = [Segment(join_pieces(own, rate), pause) for own, pause in zip(pieces, self.pauses, strict=True)]
        audio = assemble(segments, rate, trim=self.sample.trims)
        entry = {
            "id": self.sample.id,
            "file": f"{self.sample.id}.{self.sample.output_format}",
            "duration": round(len(audio.samples) / rate, 3),
            "seed": self.sample.seed,
            "language": [self._language(take) for take in range(len(self.pauses))],
            "spans": [[round(start, 3), round(end, 3)] for start, end in audio.spans],
        }
        try:
            return entry, encode(audio.samples, self.sample.output_format, rate)
        except ValueError:
            raise EngineFailure(NOT_FINITE) from None

    def _language(self, take: int) -> str:
        return next(passage.utterance.language for passage in self.passages if passage.take == take)
