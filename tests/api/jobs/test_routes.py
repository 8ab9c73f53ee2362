"""Jobs behind their routes: a caller that leaves at any moment, and a disk that does not answer."""

import asyncio
import threading
import time
from pathlib import Path

import pytest

from api.config import REFERENCES, ServerConfig
from api.jobs.routes import Jobs
from api.jobs.schemas import LongRequest
from api.jobs.store import Job, JobStore
from api.language import LanguageDetector
from api.plan import Planner
from api.voices.library import VoiceLibrary
from tests.api.jobs.conftest import long_request
from tests.api.jobs.fake_bulk_runner import FakeBulkRunner

REQUEST = long_request({"id": "a", "text": "x"})


class SlowStore(JobStore):
    """A disk that takes `seconds` for everything, or as long as `answers` is not set."""

    seconds = 0.0

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.answers = threading.Event()
        self.answers.set()

    def create(self, request: LongRequest) -> Job:
        self._wait()
        return super().create(request)

    def find(self, id: str) -> Job:
        self._wait()
        return super().find(id)

    def unfinished(self) -> list[Job]:
        self._wait()
        return super().unfinished()

    def _wait(self) -> None:
        time.sleep(self.seconds)
        self.answers.wait(10)


@pytest.fixture
def slow(tmp_path: Path) -> SlowStore:
    return SlowStore(tmp_path / "jobs")


@pytest.fixture
def jobs(slow: SlowStore, runner: FakeBulkRunner, tmp_path: Path) -> Jobs:
    config = ServerConfig.from_env({"XTTS_DATA_DIR": str(tmp_path)})
    client = runner.client()
    planner = Planner(config, client, VoiceLibrary(REFERENCES), LanguageDetector())
    return Jobs(config, planner, client, slow)


@pytest.mark.parametrize("after", [0.0, 0.005, 0.02, 0.04, 0.06, 0.1, 0.2])
async def test_a_caller_that_leaves_at_any_moment_leaves_no_job(jobs: Jobs, slow: SlowStore, after: float) -> None:
    slow.seconds = 0.03
    waiting = asyncio.create_task(jobs.whole(REQUEST))
    await asyncio.sleep(after)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    assert not slow.unfinished()


async def test_a_disk_that_does_not_answer_holds_up_jobs_only(jobs: Jobs, slow: SlowStore) -> None:
    """Everything else goes on: the loop, and the threads that streams are encoded in."""
    jobs.start()
    job = await jobs.submit(REQUEST)
    slow.answers.clear()
    statuses = [asyncio.create_task(jobs.status(job.id)) for _ in range(50)]
    await asyncio.sleep(0.05)
    began = time.perf_counter()
    for _ in range(20):
        await asyncio.to_thread(time.sleep, 0)
    assert time.perf_counter() - began < 2
    assert not any(status.done() for status in statuses)
    slow.answers.set()
    assert {status["task_id"] for status in await asyncio.gather(*statuses)} == {job.id}
    await jobs.stop()
