"""A job's files, in the folder or the bucket that servers share: the only place that reads and writes them.

    jobs/<id>/request.json     what is asked for: with it the job is there
              files/           of samples that are over
              manifest.json    what became of each sample
              result.zip       files and manifest

Each appears whole. How far a job is, and who does it, is in the database (engine.py). Everything here blocks, and may
raise OSError, or StorageAway where there is a bucket.
"""

import json
import re
import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from api.age import age
from api.errors import StorageFailure, UnknownJob
from api.jobs.batches import batches
from api.jobs.manifest import NAME, Entry, Manifest
from api.jobs.schemas import LongRequest
from runners.storage import Storage, StoredFile
from runners.whole_file import private_folder

JOBS: Final = "jobs"
ID: Final = re.compile(r"[0-9a-f]{32}")
MOST_READ: Final = 32  # samples whose files are read at once
MOST_BYTES: Final = 8 * 2**20  # of them; a larger one's come in pieces
NO_JOB: Final = "There is no such job; one that is over is kept for a day."
EARLIER: Final = "progress.json"  # an earlier version's jobs have it: they were folders alone
EARLIER_ENDS: Final = ("canceled", "failed")


class JobFiles:
    def __init__(self, storage: Storage, local: Path) -> None:
        """`local`: a folder on this machine for what is being made."""
        self._storage = storage
        self._local = local

    def create(self, id: str, request: LongRequest) -> None:
        """Harmless where it is there already. Raises FileExistsError where another is, StorageFailure, StorageAway."""
        content = request.as_json()
        try:
            self._storage.put(_key(id, "request.json"), content, new=True)
        except FileExistsError:
            if self._storage.read(_key(id, "request.json")) != content:
                raise
        except OSError as error:
            raise StorageFailure("The job could not be stored; the server's log says why.") from error

    def check(self, id: str) -> None:
        """Before work whose result could not be stored. Raises StorageAway."""
        self._storage.describe(_key(id, "request.json"))

    def request(self, id: str) -> LongRequest:
        return LongRequest.model_validate_json(self._storage.read(_key(id, "request.json")))

    @contextmanager
    def workplace(self) -> Iterator[Path]:
        """A folder of one's own, on this machine, for a while."""
        private_folder(self._local)
        with tempfile.TemporaryDirectory(dir=self._local, ignore_cleanup_errors=True) as folder:
            yield Path(folder)

    def keep(self, id: str, entry: Entry, workplace: Path) -> None:
        """The files of a sample that is over."""
        for name in entry.files:
            self._storage.put_file(_key(id, f"files/{name}"), workplace / name)

    def complete(self, id: str, manifest: Manifest) -> None:
        """Put the files and the manifest into the result, unless that is there already."""
        if not self.is_complete(id):
            totals, samples = manifest.totals.model_dump(), [entry.as_json() for entry in manifest.samples]
            content = json.dumps({"totals": totals, "samples": samples}, ensure_ascii=False, indent=2).encode()
            self._storage.put(_key(id, NAME), content)
            with self.workplace() as folder:
                self._pack(id, manifest, content, folder / "result.zip")
                self._storage.put_file(_key(id, "result.zip"), folder / "result.zip")
        self._storage.delete_folder(_key(id, "files"))

    def is_complete(self, id: str) -> bool:
        return self._storage.describe(_key(id, "result.zip")) is not None

    def _pack(self, id: str, manifest: Manifest, content: bytes, to: Path) -> None:
        with zipfile.ZipFile(to, "w") as archive:
            archive.writestr(NAME, content)
            for entries in batches(manifest.samples, MOST_READ, lambda entry: entry.bytes, MOST_BYTES):
                keys = {_key(id, f"files/{name}"): name for entry in entries for name in entry.files}
                found = self._storage.read_all(keys) if len(entries) > 1 else {}
                for key, name in keys.items():
                    with archive.open(name, "w", force_zip64=True) as packed:
                        for piece in [found[key]] if key in found else self._storage.pieces(key):
                            packed.write(piece)

    def result(self, id: str) -> StoredFile:
        """Raises UnknownJob where it has just been removed."""
        if (found := self._storage.describe(_key(id, "result.zip"))) is None:
            raise UnknownJob(NO_JOB, param="task_id")
        return found

    def pieces(self, result: StoredFile, start: int, end: int) -> Iterator[bytes]:
        """The bytes from `start` to before `end`."""
        return self._storage.pieces(result.key, start, end)

    def manifest(self, id: str) -> Manifest | None:
        """The result's; None, where there is no result."""
        if not self.is_complete(id):
            return None
        return Manifest.model_validate_json(self._storage.read(_key(id, NAME)))

    def remove(self, id: str) -> None:
        self._storage.delete_folder(f"{JOBS}/{id}")

    def tidy(self, seconds: float) -> None:
        """Remove from this machine what has lain there for so long."""
        for path in self._local.glob("*"):
            with suppress(FileNotFoundError):
                if age(path.stat().st_mtime) > seconds:
                    shutil.rmtree(path) if path.is_dir() else path.unlink()

    def ids(self) -> list[str]:
        """Of all jobs that have a folder."""
        return [name for name in self._storage.names(JOBS) if ID.fullmatch(name)]

    def untouched_for(self, id: str) -> float:
        """Seconds since a file of it was last written; 0 where nobody knows."""
        newest = max((file.modified for file in self._storage.list(f"{JOBS}/{id}")), default=0.0)
        return age(newest) if newest else 0.0

    def of_earlier_version(self) -> list[str]:
        """Jobs that an earlier version has left and that are to be finished. They are counted as ours from now on."""
        if (jobs := self._storage.path(JOBS)) is None:
            return []
        folders = [file.parent for file in jobs.glob(f"*/{EARLIER}") if ID.fullmatch(file.parent.name)]
        return [each.name for each in folders if not any((each / end).exists() for end in EARLIER_ENDS)]

    def adopted(self, id: str) -> None:
        """It is in the database now."""
        self._storage.delete(_key(id, EARLIER))


def _key(id: str, name: str) -> str:
    return f"{JOBS}/{id}/{name}"
