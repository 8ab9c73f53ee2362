import asyncio
import io
import zipfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from api.config import REFERENCES, ServerConfig
from api.jobs.files import JobFiles
from api.jobs.jobs import Jobs
from api.jobs.planner import JobPlanner
from api.jobs.schemas import LongRequest
from api.jobs.state import Progress
from api.jobs.threads import JobThreads
from api.jobs.work import Step, Work
from api.language import LanguageDetector
from api.plan import Planner
from api.voices.library import VoiceLibrary
from runners.storage import Storage
from tests.api.jobs.fake_bulk_runner import FakeBulkRunner

ID = "0" * 32


@pytest.fixture
def files(tmp_path: Path) -> JobFiles:
    return JobFiles(Storage(tmp_path), tmp_path / "making")


@pytest.fixture
def runner() -> FakeBulkRunner:
    return FakeBulkRunner()


@pytest.fixture
def planner(runner: FakeBulkRunner, tmp_path: Path) -> Planner:
    config = ServerConfig.from_env({})
    return Planner(config, runner.client(), VoiceLibrary(REFERENCES, tmp_path / "voices"), LanguageDetector())


class Worker:
    """Does the one job of a test, and keeps what its steps gave as a database does."""

    def __init__(self, files: JobFiles, planner: Planner, runner: FakeBulkRunner) -> None:
        self.files = files
        self.progress = Progress()
        self.kept: dict[int, Any] = {}
        self._planner = JobPlanner(planner)
        self._runner = runner

    async def run(self, *samples: dict[str, Any]) -> None:
        """`samples`: none, to go on with those of the last time."""
        if samples:
            self.files.create(ID, long_request(*samples))
        count = iter(range(1_000_000))
        client = self._runner.client()
        passages = len(self.files.request(ID).samples)
        steps, threads = (lambda: self._step(next(count))), JobThreads()
        await Work(ID, self.files, self._planner, client, threads, steps, self._note, passages, (0, 0)).run()

    def _step(self, number: int) -> Step:
        async def step(function: Callable[[], Awaitable[Any]]) -> Any:
            if number not in self.kept:
                self.kept[number] = await function()
            return self.kept[number]

        return step

    async def _note(self, progress: Progress) -> None:
        self.progress = progress


@pytest.fixture
def worker(files: JobFiles, planner: Planner, runner: FakeBulkRunner) -> Worker:
    return Worker(files, planner, runner)


@pytest.fixture
def opened(
    tmp_path: Path, runner: FakeBulkRunner, planner: Planner, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Any]:
    """A server's jobs in a SQLite file, for as long as a block takes: neither its begin nor its end is slept away."""
    for sleep in ("POLL", "LONGEST_SLEEP"):
        monkeypatch.setattr(f"api.jobs.engine.{sleep}", 0.2)

    @asynccontextmanager
    async def open(files: JobFiles | None = None, **environ: str) -> AsyncIterator[Jobs]:
        config = ServerConfig.from_env({"XTTS_DATA_DIR": str(tmp_path), **environ})
        jobs = Jobs(config, planner, runner.client(), runner.client(), files)
        jobs.start()
        try:
            yield jobs
        finally:
            await jobs.stop()

    return open


async def until(condition: Callable[[], Awaitable[Any]]) -> Any:
    async with asyncio.timeout(60):
        while not (found := await condition()):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        return found


async def over(jobs: Jobs, id: str) -> Any:
    async def found() -> Any:
        job = await jobs.status(id)
        return job.over and job

    return await until(found)


def unzipped(files: JobFiles, id: str) -> dict[str, bytes]:
    """A result's files by their names."""
    result = files.result(id)
    with zipfile.ZipFile(io.BytesIO(b"".join(files.pieces(result, 0, result.size)))) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def long_request(*samples: dict[str, Any], **fields: Any) -> LongRequest:
    defaults = {"voice": "Demo Low", "output_format": "wav", "seed": 7}
    return LongRequest.model_validate({"samples": [{**defaults, **sample} for sample in samples], **fields})
