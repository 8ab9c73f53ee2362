"""Jobs on disk, a folder each, so that any server that shares them can show, cancel, do or resume one.

    jobs/<id>/request.json    what is asked for; the folder appears with it, or not at all
              entries.jsonl   a line of the manifest for each sample that is over, written after its file
              files/          of those samples
              passages/       of samples that are not over
              progress.json   for whoever asks how far it is
              attempts        how many in a row have ended their server
              result.zip      files and manifest; it appears whole, and with it the job is completed
              canceled, failed
              lock            held by the server that does the job; the system frees it when that one dies

Nothing is kept in memory, everything blocks. Knows neither HTTP nor how samples are synthesized.
"""

import json
import os
import re
import shutil
import uuid
import zipfile
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from threading import Lock
from typing import Any, Final

from filelock import FileLock

from api.age import age
from api.errors import StorageFailure, UnknownJob
from api.jobs.manifest import NAME, Entry, Manifest
from api.jobs.schemas import LongRequest
from runners.whole_file import PRIVATE, private_folder, whole_file, write_whole

DRAFT: Final = ".draft-"  # before a folder's name: a job on its way in, or out
KEPT: Final = 24 * 3600.0  # seconds that a job stays once it is over
ID: Final = re.compile(r"[0-9a-f]{32}")


class State(StrEnum):
    """BentoML's words for it."""

    PENDING = "pending"
    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELED = "canceled"


REQUEST: Final = "request.json"
ENDS: Final = {"result.zip": State.COMPLETED, "canceled": State.CANCELED, "failed": State.FAILED}


@dataclass(frozen=True, slots=True)
class Progress:
    total: int  # samples
    done: int = 0
    failed: int = 0
    passages: int = 0  # a sample is synthesized in passages of up to half a minute
    passages_done: int = 0
    audio_seconds: float = 0.0

    @classmethod
    def of(cls, entries: Iterable[Entry], **facts: int) -> "Progress":
        totals = Manifest.of(entries, facts["total"]).totals
        return cls(done=totals.done, failed=totals.failed, audio_seconds=totals.duration, **facts)


class Job:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.id = folder.name
        self.files = folder / "files"
        self.passages = folder / "passages"
        self.result = folder / "result.zip"
        self._entries = folder / "entries.jsonl"
        self._attempts = folder / "attempts"
        self._writing = Lock()

    @property
    def state(self) -> State:
        for name, state in ENDS.items():
            if (self.folder / name).exists():
                return state
        return State.IN_PROGRESS if self._entries.exists() else State.PENDING

    @property
    def over(self) -> bool:
        return self.state not in (State.PENDING, State.IN_PROGRESS)

    @property
    def created(self) -> float:
        """Seconds since the epoch. Raises FileNotFoundError for a job that was removed."""
        return (self.folder / REQUEST).stat().st_mtime

    @property
    def failure(self) -> str | None:
        """Why it failed."""
        with suppress(FileNotFoundError):
            return (self.folder / "failed").read_text() or None
        return None

    def request(self) -> LongRequest:
        return LongRequest.model_validate_json((self.folder / REQUEST).read_bytes())

    def status(self) -> dict[str, Any]:
        begun = self._entries.stat().st_ctime if self._entries.exists() else None
        failure = self.failure
        return {
            "task_id": self.id,
            "status": self.state.value,
            "created_at": _iso(self.created),
            "executed_at": begun and _iso(begun),
            "progress": asdict(self._progress()),
            **({"error": failure} if failure else {}),
        }

    def _progress(self) -> Progress:
        """As it was last written; counted where a power cut has torn that."""
        try:
            return Progress(**json.loads((self.folder / "progress.json").read_bytes()))
        except (OSError, ValueError, TypeError):
            return Progress.of(self.entries(), total=len(self.request().samples))

    def entries(self) -> list[Entry]:
        """Of the samples that are over."""
        return [Entry.model_validate_json(line) for line in self._whole_lines().splitlines()]

    def _whole_lines(self) -> bytes:
        """The last line may have been cut by a crash."""
        content = self._entries.read_bytes() if self._entries.exists() else b""
        return content[: content.rfind(b"\n") + 1]

    def begin(self) -> list[Entry]:
        """What an earlier attempt has done; what it has left half-way goes."""
        shutil.rmtree(self.passages, ignore_errors=True)
        private_folder(self.files)
        private_folder(self.passages)
        write_whole(self._entries, self._whole_lines())
        return self.entries()

    def note(self, progress: Progress) -> None:
        with self._writing:
            write_whole(self.folder / "progress.json", json.dumps(asdict(progress)).encode(), lasting=False)

    def add(self, entry: Entry) -> None:
        """One sample is over. Its file is there already: an entry stands for a file that is whole."""
        with self._writing, self._entries.open("ab", buffering=0) as entries:
            entries.write(json.dumps(entry.as_json()).encode() + b"\n")
            os.fsync(entries.fileno())

    def complete(self, manifest: Manifest) -> None:
        """Put the files and the manifest into the result."""
        content = {"totals": manifest.totals.model_dump(), "samples": [entry.as_json() for entry in manifest.samples]}
        with whole_file(self.result) as file, zipfile.ZipFile(file, "w") as archive:
            archive.writestr(NAME, json.dumps(content, ensure_ascii=False, indent=2))
            for entry in manifest.samples:
                for name in filter(None, (entry.file, entry.subtitles)):
                    archive.write(self.files / name, name)
        for folder in (self.files, self.passages):
            shutil.rmtree(folder, ignore_errors=True)

    def cancel(self) -> None:
        """Harmless where it is over."""
        if not self.over:
            (self.folder / "canceled").touch(PRIVATE)

    def fail(self, reason: str) -> None:
        write_whole(self.folder / "failed", reason.encode())

    def lock(self) -> FileLock:
        """Not held yet. Whoever does the job holds it, until the end or until the process dies."""
        return FileLock(self.folder / "lock", mode=PRIVATE, thread_local=False)

    def attempt(self) -> int:
        """Counts an attempt that begins. How many have begun since a sample was last finished, this one included."""
        finished = self._whole_lines().count(b"\n")
        try:
            counted, at = json.loads(self._attempts.read_bytes())
        except (OSError, ValueError, TypeError):
            counted, at = 0, finished
        count = counted + 1 if at == finished else 1
        write_whole(self._attempts, json.dumps([count, finished]).encode())
        return int(count)

    def attempt_over(self) -> None:
        """The server is still there: the attempts so far do not count."""
        self._attempts.unlink(missing_ok=True)


class JobStore:
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def create(self, request: LongRequest) -> Job:
        """Raises StorageFailure."""
        draft = self.folder / f"{DRAFT}{uuid.uuid4().hex}"
        job = Job(self.folder / uuid.uuid4().hex)
        try:
            private_folder(draft)
            write_whole(draft / REQUEST, request.model_dump_json(exclude_unset=True).encode())
            Job(draft).note(Progress(len(request.samples)))
            draft.rename(job.folder)
        except OSError as error:
            shutil.rmtree(draft, ignore_errors=True)
            raise StorageFailure("The job could not be stored; the server's log says why.") from error
        return job

    def find(self, id: str) -> Job:
        """Raises UnknownJob."""
        job = Job(self.folder / id)
        if not ID.fullmatch(id) or not (job.folder / REQUEST).is_file():
            raise UnknownJob("There is no such job; one that is over is kept for a day.", param="task_id")
        return job

    def unfinished(self) -> list[Job]:
        """The oldest first."""
        aged = []
        for job in self._all():
            with suppress(FileNotFoundError):  # another server has just swept it away
                if not job.over:
                    aged.append((job.created, job))
        return [job for _, job in sorted(aged, key=lambda each: each[0])]

    def sweep(self) -> None:
        """Remove jobs that have been over for long, and what crashed processes left half-way."""
        for folder in [*self.folder.glob(f"{DRAFT}*"), *(self.folder / job.id for job in self._all() if job.over)]:
            with suppress(FileNotFoundError):  # another server was faster
                if age(folder.stat().st_mtime) > KEPT:
                    leaving = self.folder / f"{DRAFT}{uuid.uuid4().hex}"
                    folder.rename(leaving)
                    shutil.rmtree(leaving, ignore_errors=True)

    def _all(self) -> Iterable[Job]:
        found = self.folder.glob(f"*/{REQUEST}")
        return (Job(file.parent) for file in found if ID.fullmatch(file.parent.name))


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()
