"""A disk that does not answer holds up jobs, and nothing else."""

import asyncio
import threading
import time
from pathlib import Path
from typing import Any

from api.jobs.files import JobFiles
from api.jobs.schemas import LongRequest
from runners.storage import Storage
from tests.api.jobs.conftest import long_request, over


class SlowFiles(JobFiles):
    """A disk that takes as long as `answers` is not set."""

    def __init__(self, *places: Any) -> None:
        super().__init__(*places)
        self.answers = threading.Event()

    def create(self, id: str, request: LongRequest) -> None:
        self.answers.wait(30)
        super().create(id, request)


async def test_a_disk_that_does_not_answer_holds_up_jobs_only(opened: Any, tmp_path: Path) -> None:
    """Everything else goes on: the loop, the threads that streams are encoded in, questions to the database."""
    slow = SlowFiles(Storage(tmp_path), tmp_path / "making")
    async with opened(slow) as jobs:
        await jobs.of("anna", 1)
        request = long_request({"id": "a", "text": "x"})
        submissions = [asyncio.create_task(jobs.submit(request, "anna")) for _ in range(20)]
        await asyncio.sleep(0.5)
        began = time.perf_counter()
        for _ in range(20):
            await asyncio.to_thread(time.sleep, 0)
        assert time.perf_counter() - began < 2
        async with asyncio.timeout(10):  # the database is asked meanwhile; signs of life go the same way
            assert await jobs.of("anna", 1) == []
        assert not any(each.done() for each in submissions)
        slow.answers.set()
        ids = await asyncio.gather(*submissions)
        assert (await over(jobs, ids[0])).progress.done == 1
