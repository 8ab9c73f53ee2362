"""A batch file: its samples, each as the request the server will get. Knows the routes but sends nothing."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from api.batch.schema import schema_faults
from api.batch.source import Document, Fault, SourceError, read, shown


class BatchFileError(Exception):
    """The file is refused. `faults` holds all of them, in the order of their lines."""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__("\n".join(map(str, faults)))
        self.faults = faults


@dataclass(frozen=True, slots=True)
class Sample:
    """One sound file to be: its name and the whole request for it, defaults included."""

    id: str  # safe as a file's name
    request: Mapping[str, Any]

    @property
    def route(self) -> str:
        return "/generate/segmented" if "segments" in self.request else "/generate/simple"

    @property
    def file_name(self) -> str:
        return f"{self.id}.{self.request['output_format']}"

    @property
    def digest(self) -> str:
        """sha256 of the route and the request, hex: the same digest means the same thing was asked for."""
        canonical = json.dumps([self.route, self.request], sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()


def load(path: Path, output_format: str | None = None) -> tuple[Sample, ...]:
    """The samples in the file's order. `output_format` goes before every format the file names.

    Raises BatchFileError with every fault of the file, OSError where it cannot be read.
    """
    try:
        document = read(path.read_bytes())
    except SourceError as error:
        raise BatchFileError([error.fault]) from None
    faults = [*document.faults, *schema_faults(document), *_twice_named(document)]
    if faults:
        raise BatchFileError(sorted(faults))
    defaults = {"output_format": "mp3", **document.value.get("defaults", {})}
    override = {} if output_format is None else {"output_format": output_format}
    return tuple(_sample(defaults | fields | override) for fields in document.value["samples"])


def _sample(fields: dict[str, Any]) -> Sample:
    return Sample(fields["id"], {name: value for name, value in fields.items() if name != "id"})


def _twice_named(document: Document) -> Iterator[Fault]:
    """Ids that name one file, on any file system: some do not tell `a` from `A`."""
    first: dict[str, tuple[str | int, ...]] = {}
    for path, name in _ids(document.value):
        known = first.setdefault(name.casefold(), path)
        if known != path:
            line = document.line(known)
            yield document.fault(path, f"{shown(name)} is already the id on line {line}; each needs its own")


def _ids(value: Any) -> Iterator[tuple[tuple[str | int, ...], str]]:
    samples = value.get("samples") if isinstance(value, dict) else None
    for index, sample in enumerate(samples if isinstance(samples, list) else []):
        if isinstance(sample, dict) and isinstance(sample.get("id"), str):
            yield ("samples", index, "id"), sample["id"]
