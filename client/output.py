"""The output folder: an audio file for each sample, and `manifest.json`, which says what each file is.

Both are written whole or not at all, the file first: whatever stops a run, what the manifest says is true.
"""

import hashlib
import json
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import get_args

from pydantic import ValidationError

from api.audio.subtitles import Subtitles
from api.jobs.manifest import NAME, Entry, Manifest
from api.jobs.schemas import Sample
from runners.whole_file import SHARED, write_whole

SHARE = 20  # times as long as writing the manifest took nothing is written


class Output:
    """What became of `samples` in `folder`. `kept`: entries of an earlier run that still hold.

    A long manifest is not written for each sample; `write` once more at the end.
    """

    def __init__(self, folder: Path, samples: Sequence[Sample], kept: Iterable[Entry] = ()) -> None:
        self.folder = folder
        self.samples = samples
        self._entries: dict[str, Entry] = {}
        self._json: dict[str, str] = {}  # of each entry, once: a batch may be long
        self._written = 0.0  # when, by time.monotonic
        self._took = 0.0  # seconds
        for entry in kept:
            self._put(entry)

    @property
    def todo(self) -> list[Sample]:
        return [sample for sample in self.samples if sample.id not in self._entries]

    @property
    def manifest(self) -> Manifest:
        entries = [self._entries[sample.id] for sample in self.samples if sample.id in self._entries]
        return Manifest.of(entries, len(self.samples))

    def add(self, entry: Entry, files: Mapping[str, bytes]) -> None:
        """Writes the files, by their endings, if there are any, then the manifest, unless that is long and was written
        just now. Raises OSError."""
        for ending, content in files.items():
            name = f"{entry.id}.{ending}"
            if ending in get_args(Subtitles):
                entry.subtitles = name
            else:
                entry.file, entry.bytes, entry.sha256 = name, len(content), hashlib.sha256(content).hexdigest()
            write_whole(self.folder / name, content, mode=SHARED, lasting=False)
        self._put(entry)
        if time.monotonic() - self._written > SHARE * self._took:
            self.write()

    def write(self) -> None:
        """The manifest. Raises OSError."""
        begun = time.monotonic()
        manifest = self.manifest
        entries = ",\n".join(self._json[entry.id] for entry in manifest.samples)
        text = f'{{"totals": {manifest.totals.model_dump_json()},\n"samples": [\n{entries}\n]}}\n'
        # A server's message may hold half a surrogate pair: its backslash form is how JSON writes one.
        write_whole(self.folder / NAME, text.encode(errors="backslashreplace"), mode=SHARED, lasting=False)
        self._written = time.monotonic()
        self._took = self._written - begun

    def _put(self, entry: Entry) -> None:
        self._entries[entry.id] = entry
        self._json[entry.id] = json.dumps(entry.as_json(), ensure_ascii=False)


def still_right(folder: Path, samples: Sequence[Sample]) -> list[Entry]:
    """Entries of the folder's manifest whose sample is unchanged and whose file is there, byte for byte.

    Raises ValueError for a manifest that cannot be read.
    """
    try:
        manifest = Manifest.model_validate_json((folder / NAME).read_bytes())
    except FileNotFoundError:
        return []
    except (OSError, ValidationError) as error:
        raise ValueError(f"{folder / NAME} cannot be read: {error}") from error
    digests = {sample.id: sample.digest for sample in samples}
    return [entry for entry in manifest.samples if _holds(folder, entry, digests.get(entry.id))]


def _holds(folder: Path, entry: Entry, asked: str | None) -> bool:
    there = entry.subtitles is None or (folder / entry.subtitles).is_file()
    if entry.file is None or not there or entry.request_sha256 != asked:
        return False
    return entry.sha256 == _digest(folder / entry.file)


def _digest(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None
