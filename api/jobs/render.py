"""One sample of a job on its way from passages to a file. Its audio waits on disk, so an hour takes no more memory."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

import numpy as np

from api.audio.recording import AudioSpec, Recording
from api.audio.subtitles import subtitles
from api.jobs.manifest import Entry, SampleFault
from api.jobs.schemas import Sample
from api.plan import Phrase, cues
from api.runner_client import Pieces
from runners.errors import SpeechError
from runners.types import Audio, Event, PieceDone, StopReason, Utterance
from runners.whole_file import whole_file, write_whole


@dataclass(frozen=True, slots=True)
class Passage:
    phrase: int  # index in the sample: a segment, a paragraph, or a part of one between pauses
    utterance: Utterance


@dataclass(slots=True, eq=False)
class RenderTask:
    sample: Sample
    passages: list[Passage]
    phrases: list[Phrase]
    audio: AudioSpec | None  # None: it cannot be synthesized
    stem: Path  # beginning of the paths of its passages' files
    error: SpeechError | None = None
    done: set[int] = field(default_factory=set)  # passages

    def keep(self, index: int, audio: Pieces) -> None:
        """Puts a passage where `finish` finds it. Blocks."""
        np.savez(self._path(index), *audio)

    def finish(self, folder: Path) -> Entry:
        """The manifest's entry; the file, if there is one, is then in `folder`. Takes as long as the audio is long."""
        try:
            if self.error is not None:
                raise self.error
            assert self.audio
            return self._write(folder, self.audio)
        except SpeechError as error:
            fault = SampleFault(type=error.type, message=error.message, param=error.param)
            return Entry.of(self.sample, error=fault)
        finally:
            for index in self.done:
                self._path(index).unlink(missing_ok=True)

    def _write(self, folder: Path, spec: AudioSpec) -> Entry:
        path = folder / f"{self.sample.id}.{self.sample.output_format}"
        with whole_file(path) as file, Recording(spec, file) as recording:
            for event in self._events():
                recording.feed(event)
            recording.end()
        with path.open("rb") as written:
            digest = hashlib.file_digest(written, "sha256").hexdigest()
        return Entry.of(
            self.sample,
            file=path.name,
            subtitles=self._write_subtitles(folder, recording.spans),
            seed=self.sample.seed,
            language=list({passage.phrase: passage.utterance.language for passage in self.passages}.values()),
            sample_rate=spec.file_rate,
            duration=round(recording.seconds, 3),
            spans=recording.spans,
            bytes=path.stat().st_size,
            sha256=digest,
        )

    def _write_subtitles(self, folder: Path, spans: list[list[float]]) -> str | None:
        """The file's name."""
        if self.sample.subtitles is None:
            return None
        name = f"{self.sample.id}.{self.sample.subtitles}"
        write_whole(folder / name, subtitles(cues(self.phrases, spans), self.sample.subtitles).encode())
        return name

    def _events(self) -> Iterator[Event]:
        """The passages as the engine's events, a part of the sample being an utterance."""
        for part, passages in groupby(enumerate(self.passages), key=lambda each: each[1].phrase):
            *before, last = [self._path(index) for index, _ in passages]
            number = 0
            for path in (*before, last):
                with np.load(path) as pieces:
                    names = pieces.files
                    for name in names:
                        yield Audio(part, number, pieces[name])
                        ends = path is last and name == names[-1]
                        yield PieceDone(part, number, 0, StopReason.STOP_CODE, last=ends)
                        number += 1

    def _path(self, index: int) -> Path:
        return self.stem.with_name(f"{self.stem.name}-{index}.npz")
