"""Jobs on disk, a folder each, so that any server that shares them can show, cancel, do or resume one.

    jobs/<id>/request.json    what is to be said; the folder appears with it, or not at all
              entries.jsonl   a line of the manifest for each sample that is over, written after its file
              files/          of those samples
              progress.json   for whoever asks how far it is
              result.zip      files and manifest; it appears whole, and with it the job is completed
              canceled, failed
              lock            held by the server that does the job; the system frees it when that one dies

Nothing is kept in memory. Knows neither HTTP nor how samples are said.
"""

import json
import os
import re
import shutil
import time
import uuid
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from threading import Lock
from typing import Any, Final

from filelock import FileLock, Timeout

from api.errors import StorageFailure, UnknownJob
from api.jobs.schemas import LongRequest

DRAFT: Final = ".draft-"  # before a folder's name: a job on its way in, or out
KEPT: Final = 24 * 3600.0  # seconds that a job stays once it is over
ID: Final = re.compile(r"[0-9a-f]{32}")

Entry = dict[str, Any]  # a sample's line in the manifest: `file` and facts, or `error`


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
    passages: int = 0  # a sample is said in passages of up to half a minute
    passages_done: int = 0
    audio_seconds: float = 0.0


class Job:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.id = folder.name
        self._files = folder / "files"
        self._entries = folder / "entries.jsonl"
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
    def result(self) -> Path:
        return self.folder / "result.zip"

    def request(self) -> LongRequest:
        return LongRequest.model_validate_json((self.folder / REQUEST).read_bytes())

    def status(self) -> dict[str, Any]:
        begun = self._entries.stat().st_ctime if self._entries.exists() else None
        return {
            "task_id": self.id,
            "status": self.state.value,
            "created_at": _iso(self.created),
            "executed_at": begun and _iso(begun),
            "progress": json.loads((self.folder / "progress.json").read_bytes()),
        }

    def begin(self) -> list[Entry]:
        """What an earlier attempt has done. A line that it had no time to finish goes."""
        self._files.mkdir(exist_ok=True)
        kept = self._entries.read_bytes() if self._entries.exists() else b""
        kept = kept[: kept.rfind(b"\n") + 1]
        _write(self._entries, kept)
        return [json.loads(line) for line in kept.splitlines()]

    def note(self, progress: Progress) -> None:
        content = json.dumps(asdict(progress)).encode()
        with self._writing:
            _write(self.folder / "progress.json", content, lasting=False)

    def add(self, entry: Entry, audio: bytes | None = None) -> None:
        """One sample is over. Its file comes first: an entry stands for a file that is whole."""
        if audio is not None:
            _write(self._files / entry["file"], audio)
        with self._writing, self._entries.open("ab") as entries:
            entries.write(json.dumps(entry).encode() + b"\n")
            entries.flush()
            os.fsync(entries.fileno())

    def complete(self, manifest: dict[str, Any]) -> None:
        """Put the files and the manifest into the result."""
        part = self.folder / "result.part"
        with zipfile.ZipFile(part, "w") as archive:
            archive.writestr("manifest.json", json.dumps(manifest, ensure_ascii=False, indent=2))
            for entry in manifest["samples"]:
                if "file" in entry:
                    archive.write(self._files / entry["file"], entry["file"])
        with part.open("rb") as written:
            os.fsync(written.fileno())
        part.rename(self.result)
        shutil.rmtree(self._files, ignore_errors=True)

    def cancel(self) -> None:
        (self.folder / "canceled").touch()

    def fail(self) -> None:
        (self.folder / "failed").touch()

    @contextmanager
    def claimed(self) -> Iterator[bool]:
        """Whether the job is ours to do. If so, nobody else does it until the end, or until this process dies."""
        lock = FileLock(self.folder / "lock", thread_local=False)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            yield False
            return
        try:
            yield True
        finally:
            lock.release()


class JobStore:
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def create(self, request: LongRequest) -> Job:
        """Raises StorageFailure."""
        draft = self.folder / f"{DRAFT}{uuid.uuid4().hex}"
        job = Job(self.folder / uuid.uuid4().hex)
        try:
            draft.mkdir(parents=True)
            _write(draft / REQUEST, request.model_dump_json(exclude_unset=True).encode())
            _write(draft / "progress.json", json.dumps(asdict(Progress(len(request.samples)))).encode())
            draft.rename(job.folder)
        except OSError as error:
            shutil.rmtree(draft, ignore_errors=True)
            raise StorageFailure("The job could not be stored; the server's log says why.") from error
        return job

    def find(self, id: str) -> Job:
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
                if time.time() - folder.stat().st_mtime > KEPT:
                    leaving = self.folder / f"{DRAFT}{uuid.uuid4().hex}"
                    folder.rename(leaving)
                    shutil.rmtree(leaving, ignore_errors=True)

    def _all(self) -> Iterable[Job]:
        found = self.folder.glob(f"*/{REQUEST}")
        return (Job(file.parent) for file in found if ID.fullmatch(file.parent.name))


def _write(path: Path, content: bytes, *, lasting: bool = True) -> None:
    """Whole or not at all; `lasting` through a power cut."""
    part = path.with_name(f"{path.name}.part")
    with part.open("wb") as file:
        file.write(content)
        if lasting:
            file.flush()
            os.fsync(file.fileno())
    part.replace(path)


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()
