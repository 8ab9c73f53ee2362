"""A job's files, in the folder or the bucket that servers share: the only place that reads and writes them.

    jobs/<id>/request.json    what is asked for: with it the job is there
              files/          of samples that are over
              result.zip      files and manifest

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
from api.errors import StorageFailure
from api.jobs.manifest import NAME, Entry, Manifest
from api.jobs.schemas import LongRequest
from runners.storage import Storage
from runners.whole_file import private_folder, whole_file

JOBS: Final = "jobs"
ID: Final = re.compile(r"[0-9a-f]{32}")
EARLIER: Final = "progress.json"  # an earlier version's jobs have it: they were folders alone
EARLIER_ENDS: Final = ("canceled", "failed")


class JobFiles:
    def __init__(self, storage: Storage, local: Path) -> None:
        """`local`: a folder for what is being made, and for copies of results that are in a bucket."""
        self._storage = storage
        self._local = local

    def create(self, id: str, request: LongRequest) -> None:
        """Harmless where it is there already. Raises StorageFailure, StorageAway."""
        content = request.model_dump_json(exclude_unset=True).encode()
        try:
            self._storage.put(_key(id, "request.json"), content, new=True)
        except FileExistsError:
            pass
        except OSError as error:
            raise StorageFailure("The job could not be stored; the server's log says why.") from error

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
            with self.workplace() as folder:
                self._pack(id, manifest, folder / "result.zip")
                self._storage.put_file(_key(id, "result.zip"), folder / "result.zip")
        self._storage.delete_folder(_key(id, "files"))

    def is_complete(self, id: str) -> bool:
        return self._storage.describe(_key(id, "result.zip")) is not None

    def _pack(self, id: str, manifest: Manifest, to: Path) -> None:
        content = {
            "totals": manifest.totals.model_dump(),
            "samples": [entry.as_json() for entry in manifest.samples],
        }
        with zipfile.ZipFile(to, "w") as archive:
            archive.writestr(NAME, json.dumps(content, ensure_ascii=False, indent=2))
            for name in (name for entry in manifest.samples for name in entry.files):
                with archive.open(name, "w", force_zip64=True) as packed:
                    for piece in self._storage.pieces(_key(id, f"files/{name}")):
                        packed.write(piece)

    def result(self, id: str) -> Path:
        """On this machine."""
        if (there := self._storage.path(_key(id, "result.zip"))) is not None:
            return there
        copy = self._copy(id)
        if not copy.exists():
            private_folder(self._local)
            with whole_file(copy, lasting=False) as file:
                for piece in self._storage.pieces(_key(id, "result.zip")):
                    file.write(piece)
        return copy

    def manifest(self, id: str) -> Manifest | None:
        """The result's; None, where there is no result."""
        if not self.is_complete(id):
            return None
        with zipfile.ZipFile(self.result(id)) as archive:
            return Manifest.model_validate_json(archive.read(NAME))

    def remove(self, id: str) -> None:
        self._storage.delete_folder(f"{JOBS}/{id}")
        self._copy(id).unlink(missing_ok=True)

    def older_than(self, seconds: float) -> list[str]:
        """Ids of jobs, by when a file of theirs was last written. What is so old on this machine goes at once."""
        for path in self._local.glob("*"):
            with suppress(FileNotFoundError):
                if age(path.stat().st_mtime) > seconds:
                    shutil.rmtree(path) if path.is_dir() else path.unlink()
        newest: dict[str, float] = {}
        for file in self._storage.list(JOBS):
            id = file.key.split("/")[1]
            newest[id] = max(file.modified, newest.get(id, 0.0))
        return [id for id, modified in newest.items() if ID.fullmatch(id) and modified and age(modified) > seconds]

    def of_earlier_version(self) -> list[str]:
        """Jobs that an earlier version has left and that are to be finished. They are counted as ours from now on."""
        if (jobs := self._storage.path(JOBS)) is None:
            return []
        folders = [file.parent for file in jobs.glob(f"*/{EARLIER}") if ID.fullmatch(file.parent.name)]
        return [each.name for each in folders if not any((each / end).exists() for end in EARLIER_ENDS)]

    def adopted(self, id: str) -> None:
        """It is in the database now."""
        self._storage.delete(_key(id, EARLIER))

    def _copy(self, id: str) -> Path:
        return self._local / f"{id}.zip"


def _key(id: str, name: str) -> str:
    return f"{JOBS}/{id}/{name}"
