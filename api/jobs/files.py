"""What a job has on disk, a folder each: the only place that reads and writes it.

    jobs/<id>/request.json    what is asked for; the folder appears with it, or not at all
              passages/       of samples that are being made
              files/          of samples that are over
              result.zip      files and manifest; it appears whole

How far a job is, and who does it, is in the database (engine.py). Everything here blocks, and may raise OSError.
"""

import json
import re
import shutil
import tempfile
import uuid
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from api.age import age
from api.errors import StorageFailure
from api.jobs.manifest import NAME, Manifest
from api.jobs.schemas import LongRequest
from runners.whole_file import private_folder, whole_file, write_whole

DRAFT: Final = ".draft-"  # before a folder's name: a job on its way in, or out
ID: Final = re.compile(r"[0-9a-f]{32}")
REQUEST: Final = "request.json"
EARLIER: Final = "progress.json"  # an earlier version's jobs have it: they were folders alone
EARLIER_ENDS: Final = ("canceled", "failed")


class JobFiles:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def create(self, id: str, request: LongRequest) -> None:
        """Harmless where it is there already. Raises StorageFailure."""
        draft = self._draft()
        try:
            private_folder(draft)
            write_whole(draft / REQUEST, request.model_dump_json(exclude_unset=True).encode())
            draft.rename(self._of(id))
        except OSError as error:
            if not (self._of(id) / REQUEST).exists():
                raise StorageFailure("The job could not be stored; the server's log says why.") from error
        finally:
            shutil.rmtree(draft, ignore_errors=True)

    def request(self, id: str) -> LongRequest:
        return LongRequest.model_validate_json((self._of(id) / REQUEST).read_bytes())

    @contextmanager
    def passages(self, id: str) -> Iterator[Path]:
        """A folder of one's own, for a while."""
        private_folder(self._of(id) / "passages")
        with tempfile.TemporaryDirectory(dir=self._of(id) / "passages", ignore_cleanup_errors=True) as folder:
            yield Path(folder)

    def finished(self, id: str) -> Path:
        """The folder for the files of samples that are over."""
        private_folder(self._of(id) / "files")
        return self._of(id) / "files"

    def complete(self, id: str, manifest: Manifest) -> None:
        """Put the files and the manifest into the result, unless that is there already."""
        if not self.result(id).exists():
            content = {
                "totals": manifest.totals.model_dump(),
                "samples": [entry.as_json() for entry in manifest.samples],
            }
            with whole_file(self.result(id)) as file, zipfile.ZipFile(file, "w") as archive:
                archive.writestr(NAME, json.dumps(content, ensure_ascii=False, indent=2))
                for entry in manifest.samples:
                    for name in filter(None, (entry.file, entry.subtitles)):
                        archive.write(self._of(id) / "files" / name, name)
        for name in ("files", "passages"):
            shutil.rmtree(self._of(id) / name, ignore_errors=True)

    def result(self, id: str) -> Path:
        return self._of(id) / "result.zip"

    def failed(self, id: str) -> set[str]:
        """The ids of the samples that have an error in the result; none, where there is no result."""
        with suppress(FileNotFoundError), zipfile.ZipFile(self.result(id)) as archive:
            manifest = Manifest.model_validate_json(archive.read(NAME))
            return {entry.id for entry in manifest.samples if entry.error is not None}
        return set()

    def remove(self, id: str) -> None:
        with suppress(FileNotFoundError):  # another server was faster
            self._of(id).rename(leaving := self._draft())
            shutil.rmtree(leaving, ignore_errors=True)

    def older_than(self, seconds: float) -> list[str]:
        """Ids of jobs, by when their folder was last changed. What crashed processes left half-way goes at once."""
        found = []
        for folder in self._folder.glob("*"):
            with suppress(FileNotFoundError):
                if age(folder.stat().st_mtime) > seconds and folder.name.startswith(DRAFT):
                    shutil.rmtree(folder, ignore_errors=True)
                elif age(folder.stat().st_mtime) > seconds and ID.fullmatch(folder.name):
                    found.append(folder.name)
        return found

    def of_earlier_version(self) -> list[str]:
        """Jobs that an earlier version has left and that are to be finished. They are counted as ours from now on."""
        folders = [file.parent for file in self._folder.glob(f"*/{EARLIER}") if ID.fullmatch(file.parent.name)]
        return [each.name for each in folders if not any((each / end).exists() for end in EARLIER_ENDS)]

    def adopted(self, id: str) -> None:
        """It is in the database now."""
        (self._of(id) / EARLIER).unlink(missing_ok=True)

    def _of(self, id: str) -> Path:
        return self._folder / id

    def _draft(self) -> Path:
        return self._folder / f"{DRAFT}{uuid.uuid4().hex}"
