"""The output folder: a sound file for each sample, and `manifest.json`, which says what each file is.

Both are written whole or not at all, the file first: whatever stops a run, what the manifest says is true.
"""

import hashlib
import json
import os
import textwrap
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from api.batch.answer import Failure, Speech
from api.batch.file import Sample

NAME = "manifest.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """A sample whose file is there."""

    id: str
    file: str  # its name in the folder
    text: str | None = None
    segments: list[dict[str, Any]] | None = None
    seed: int
    duration: float  # seconds of audio
    sample_rate: int
    spans: list[tuple[float, float]] | None = None  # of each segment: its start and end in seconds
    bytes: int
    sha256: str  # of the file
    request_sha256: str
    wall_seconds: float  # from the first try to the last byte


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """A sample that got no file from this run."""

    id: str
    text: str | None = None
    segments: list[dict[str, Any]] | None = None
    error: Failure
    request_sha256: str
    wall_seconds: float


class ManifestError(Exception):
    """There is a manifest, but not one that can be read."""


class Manifest:
    """What became of `samples` in `folder`. `kept` are entries of an earlier run that still hold."""

    def __init__(self, folder: Path, samples: Sequence[Sample], kept: Iterable[Done] = ()) -> None:
        self.folder = folder
        self.samples = samples
        self._entries: dict[str, Done | Failed] = {entry.id: entry for entry in kept}
        self._texts = {name: _entry_json(entry) for name, entry in self._entries.items()}
        self._kept = frozenset(self._entries)
        self._began = time.perf_counter()
        self.run_seconds = 0.0  # from `begin` to the last entry

    @property
    def todo(self) -> list[Sample]:
        return [sample for sample in self.samples if sample.id not in self._entries]

    @property
    def done(self) -> list[Done]:
        return [entry for entry in self._in_order() if isinstance(entry, Done)]

    @property
    def made(self) -> list[Done]:
        """Those of `done` that this run added."""
        return [entry for entry in self.done if entry.id not in self._kept]

    @property
    def failed(self) -> list[Failed]:
        return [entry for entry in self._in_order() if isinstance(entry, Failed)]

    def begin(self) -> None:
        """From here on a server is at work."""
        self._began = time.perf_counter()

    def add_speech(self, sample: Sample, speech: Speech, wall_seconds: float) -> Done:
        """Writes the file, then the manifest."""
        _write_whole(self.folder / sample.file_name, speech.audio)
        entry = Done(
            **_identity(sample, wall_seconds),
            file=sample.file_name,
            seed=speech.seed,
            duration=speech.duration,
            sample_rate=speech.sample_rate,
            spans=speech.spans,
            bytes=len(speech.audio),
            sha256=hashlib.sha256(speech.audio).hexdigest(),
        )
        self._add(entry)
        return entry

    def add_failure(self, sample: Sample, failure: Failure, wall_seconds: float) -> Failed:
        entry = Failed(**_identity(sample, wall_seconds), error=failure)
        self._add(entry)
        return entry

    def write(self) -> None:
        totals = _json(self._totals(), "  ").lstrip()
        entries = ",\n".join(self._texts[entry.id] for entry in self._in_order())
        text = f'{{\n  "totals": {totals},\n  "samples": [\n{entries}\n  ]\n}}\n'
        # A server's message may hold half a surrogate pair: its backslash form is how JSON writes one.
        _write_whole(self.folder / NAME, text.encode(errors="backslashreplace"))

    def _add(self, entry: Done | Failed) -> None:
        self._entries[entry.id] = entry
        self._texts[entry.id] = _entry_json(entry)  # once: long batches must not render all of it each time
        self.run_seconds = time.perf_counter() - self._began
        self.write()

    def _in_order(self) -> list[Done | Failed]:
        return [self._entries[sample.id] for sample in self.samples if sample.id in self._entries]

    def _totals(self) -> dict[str, Any]:
        done, failed = self.done, self.failed
        return {
            "samples": len(self.samples),
            "done": len(done),
            "failed": len(failed),
            "pending": len(self.samples) - len(done) - len(failed),
            "duration": round(sum(entry.duration for entry in done), 6),
            "bytes": sum(entry.bytes for entry in done),
            "wall_seconds": round(self.run_seconds, 3),  # of this run, its server ready
        }


def still_right(folder: Path, samples: Iterable[Sample]) -> list[Done]:
    """The entries of the folder's manifest whose request is unchanged and whose file is there, byte for byte.

    Raises ManifestError.
    """
    earlier = _read(folder / NAME)
    return [
        entry
        for sample in samples
        if (entry := earlier.get(sample.id)) is not None
        and entry.request_sha256 == sample.digest
        and entry.sha256 == _file_digest(folder / sample.file_name)
    ]


def _read(path: Path) -> Mapping[str, Done]:
    try:
        content = json.loads(path.read_bytes())
        entries = [entry for entry in content["samples"] if "error" not in entry]
        return {entry.id: entry for entry in TypeAdapter(list[Done]).validate_python(entries)}
    except FileNotFoundError:
        return {}
    except (ValueError, KeyError, TypeError, ValidationError) as error:
        raise ManifestError(f"{path} cannot be read: {error}") from error


def _file_digest(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None


def _identity(sample: Sample, wall_seconds: float) -> dict[str, Any]:
    return {
        "id": sample.id,
        "text": sample.request.get("text"),
        "segments": sample.request.get("segments"),
        "request_sha256": sample.digest,
        "wall_seconds": round(wall_seconds, 3),
    }


def _entry_json(entry: Done | Failed) -> str:
    return _json({name: value for name, value in asdict(entry).items() if value is not None}, "    ")


def _json(fields: dict[str, Any], margin: str) -> str:
    return textwrap.indent(json.dumps(fields, ensure_ascii=False, indent=2), margin, lambda _: True)


def _write_whole(path: Path, data: bytes) -> None:
    part = path.with_name(f".{path.name}.part")
    try:
        part.write_bytes(data)
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
