"""`manifest.json`: what became of each sample. In a job's zip and in a batch file's folder alike."""

from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel

from api.jobs.schemas import Sample

NAME = "manifest.json"
Span = tuple[float, float]  # start and end, seconds


class SampleFault(BaseModel):
    """Why a sample has no audio, as the server says it."""

    type: str
    message: str
    param: str | None = None
    status: int | None = None  # HTTP; None where no answer came, or none was asked for

    def __str__(self) -> str:
        status = "" if self.status is None else f"HTTP {self.status} "
        param = "" if self.param is None else f"{self.param}: "
        return " ".join(f"{status}{self.type}: {param}{self.message}".split())


class Entry(BaseModel):
    """A sample that is over: `file` and facts about it, or `error`."""

    id: str
    text: str | None = None
    segments: list[dict[str, Any]] | None = None
    file: str | None = None  # its name in the folder
    subtitles: str | None = None  # the name of their file, where they were asked for
    seed: int | None = None
    language: list[str] | None = None  # of each of the spans
    sample_rate: int | None = None  # Hz
    duration: float = 0.0  # seconds
    spans: list[Span] | None = None  # of each segment or paragraph; with subtitles, sentence
    bytes: int = 0
    sha256: str | None = None  # of the file
    request_sha256: str | None = None  # of what was asked for
    wall_seconds: float | None = None  # from the first try to the last byte; a batch file's
    error: SampleFault | None = None

    @classmethod
    def of(cls, sample: Sample, **facts: Any) -> "Entry":
        asked = sample.model_dump(include={"text", "segments"}, exclude_unset=True)
        return cls(id=sample.id, **asked, request_sha256=sample.digest, **facts)

    @property
    def files(self) -> list[str]:
        """Their names."""
        return [name for name in (self.file, self.subtitles) if name is not None]

    def facts(self) -> dict[str, Any]:
        """What `of` needs besides the sample, for JSON."""
        return self.model_dump(exclude_defaults=True, exclude={"id", "text", "segments", "request_sha256"}, mode="json")

    def as_json(self) -> dict[str, Any]:
        return self.model_dump(exclude_defaults=True)


class Totals(BaseModel):
    samples: int
    done: int
    failed: int
    pending: int
    duration: float
    bytes: int


class Manifest(BaseModel):
    totals: Totals
    samples: list[Entry]

    @classmethod
    def of(cls, entries: Iterable[Entry], samples: int) -> "Manifest":
        """Of so many samples those that are over, in order."""
        found = list(entries)
        failed = sum(entry.error is not None for entry in found)
        totals = Totals(
            samples=samples,
            done=len(found) - failed,
            failed=failed,
            pending=samples - len(found),
            duration=round(sum(entry.duration for entry in found), 3),
            bytes=sum(entry.bytes for entry in found),
        )
        return cls(totals=totals, samples=found)
