"""One sample of a job on its way from passages to a file. Its audio waits on disk, so an hour takes no more memory."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from api.audio.assemble import Segment, assemble, join_pieces
from api.audio.formats import encode
from api.jobs.manifest import Entry, SampleFault
from api.jobs.schemas import Sample
from api.runner_client import UtteranceAudio
from runners.errors import EngineFailure, SpeechError
from runners.types import Utterance
from runners.whole_file import whole_file

NOT_FINITE = "The model produced values that are not numbers for this sample."


@dataclass(frozen=True, slots=True)
class Passage:
    part: int  # index in the sample: a segment, or a paragraph
    utterance: Utterance


@dataclass(slots=True, eq=False)
class RenderTask:
    sample: Sample
    passages: list[Passage]
    stem: Path  # beginning of the paths of its passages' files
    error: SpeechError | None = None
    done: set[int] = field(default_factory=set)  # passages

    @property
    def over(self) -> bool:
        """All passages are there, or nothing will come of it."""
        return self.error is not None or len(self.done) == len(self.passages)

    def keep(self, index: int, audio: UtteranceAudio) -> None:
        """Puts a passage where `finish` finds it. Blocks."""
        np.savez(self._path(index), *audio.pieces)

    def finish(self, folder: Path, rate: int) -> Entry:
        """The manifest's entry; the file, if there is one, is then in `folder`. Takes as long as the audio is long."""
        try:
            if self.error is not None:
                raise self.error
            return self._write(folder, rate)
        except SpeechError as error:
            fault = SampleFault(type=error.type, message=error.message, param=error.param)
            return Entry.of(self.sample, error=fault)
        finally:
            for index in self.done:
                self._path(index).unlink(missing_ok=True)

    def _write(self, folder: Path, rate: int) -> Entry:
        parts = self.sample.parts
        languages = {passage.part: passage.utterance.language for passage in self.passages}
        pieces: list[list[NDArray[np.float32]]] = [[] for _ in parts]
        for index, passage in enumerate(self.passages):
            pieces[passage.part] += self._pieces(index)
        segments = [Segment(join_pieces(own, rate), part.pause_after) for own, part in zip(pieces, parts, strict=True)]
        audio = assemble(segments, rate, trim=self.sample.trims)
        name = f"{self.sample.id}.{self.sample.output_format}"
        try:
            content = encode(audio.samples, self.sample.output_format, rate)
        except ValueError:
            raise EngineFailure(NOT_FINITE) from None
        with whole_file(folder / name) as file:
            file.write(content)
        return Entry.of(
            self.sample,
            file=name,
            seed=self.sample.seed,
            language=list(languages.values()),
            sample_rate=rate,
            duration=round(len(audio.samples) / rate, 3),
            spans=[(round(start, 3), round(end, 3)) for start, end in audio.spans],
            bytes=len(content),
            sha256=hashlib.sha256(content).hexdigest(),
        )

    def _pieces(self, index: int) -> Iterator[NDArray[np.float32]]:
        with np.load(self._path(index)) as pieces:
            yield from (pieces[name] for name in pieces.files)

    def _path(self, index: int) -> Path:
        return self.stem.with_name(f"{self.stem.name}-{index}.npz")
