"""Who does which job, and when he stops."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from api.jobs.job_runner import AT_ONCE, ENDED_ITS_SERVER, MOST_ATTEMPTS, JobRunner
from api.jobs.manifest import Manifest
from api.jobs.store import Job, JobStore, State
from api.jobs.threads import JobThreads
from tests.api.jobs.conftest import long_request

REQUEST = long_request({"id": "a", "text": "x"})


class Labour:
    """Works on jobs until it is told that they are done."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.dropped: list[str] = []
        self.error: Exception | None = None
        self.may_end = asyncio.Event()

    async def do(self, job: Job) -> None:
        self.begun.append(job.id)
        try:
            if self.error is not None:
                raise self.error
            await self.may_end.wait()
            job.begin()
            job.complete(Manifest.of([], 0))
        except asyncio.CancelledError:
            self.dropped.append(job.id)
            raise


@pytest.fixture
async def labour(store: JobStore) -> AsyncIterator[Labour]:
    labour = Labour()
    job_runner = JobRunner(store, labour.do, JobThreads(), poll=0.02)
    job_runner.start()
    yield labour
    await job_runner.stop()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110  (what is waited for is on disk)
            await asyncio.sleep(0.01)


async def test_a_few_at_once_and_all_in_the_end(store: JobStore, labour: Labour) -> None:
    jobs = [store.create(REQUEST) for _ in range(AT_ONCE + 2)]
    await until(lambda: len(labour.begun) == AT_ONCE)
    await asyncio.sleep(0.1)
    assert len(labour.begun) == AT_ONCE
    labour.may_end.set()
    await until(lambda: all(job.state is State.COMPLETED for job in jobs))
    assert sorted(labour.begun) == sorted(job.id for job in jobs)


async def test_a_canceled_job_is_dropped_whoever_canceled_it(store: JobStore, labour: Labour) -> None:
    job = store.create(REQUEST)
    await until(lambda: labour.begun == [job.id])
    JobStore(store.folder).find(job.id).cancel()
    await until(lambda: labour.dropped == [job.id])
    await asyncio.sleep(0.1)
    assert labour.begun == [job.id]


async def test_two_servers_never_do_the_same_job(store: JobStore, labour: Labour) -> None:
    job = store.create(REQUEST)
    await until(lambda: labour.begun == [job.id])
    other = Labour()
    second = JobRunner(JobStore(store.folder), other.do, JobThreads(), poll=0.02)
    second.start()
    await asyncio.sleep(0.1)
    await second.stop()
    assert not other.begun


async def test_what_stops_leaves_the_job_to_the_next(store: JobStore) -> None:
    first, second = Labour(), Labour()
    second.may_end.set()
    job = store.create(REQUEST)
    job_runner = JobRunner(store, first.do, JobThreads(), poll=0.02)
    job_runner.start()
    await until(lambda: first.begun == [job.id])
    await job_runner.stop()
    assert not job.over
    successor = JobRunner(JobStore(store.folder), second.do, JobThreads(), poll=0.02)
    successor.start()
    await until(lambda: job.state is State.COMPLETED)
    await successor.stop()


async def test_a_fault_that_nobody_foresaw_fails_the_job_and_not_the_others(store: JobStore, labour: Labour) -> None:
    labour.error = ZeroDivisionError()
    job = store.create(REQUEST)
    await until(lambda: job.state is State.FAILED)
    labour.error = None
    labour.may_end.set()
    following = store.create(REQUEST)
    await until(lambda: following.state is State.COMPLETED)


async def test_a_job_that_has_ended_its_server_three_times_is_failed_with_its_reason(
    store: JobStore, labour: Labour, caplog: pytest.LogCaptureFixture
) -> None:
    job = store.create(REQUEST)
    await until(lambda: labour.begun == [job.id])
    await until((job.folder / "attempts").exists)  # as a killed server leaves it
    killed = store.create(REQUEST)
    for _ in range(MOST_ATTEMPTS):
        killed.attempt()
    await until(lambda: killed.state is State.FAILED)
    assert killed.id not in labour.begun
    assert killed.status()["error"] == ENDED_ITS_SERVER
    assert f"{killed.id}: failed. Its server ended 3 times" in caplog.text


async def test_attempts_that_end_in_order_do_not_count(store: JobStore) -> None:
    job = store.create(REQUEST)
    for _ in range(MOST_ATTEMPTS + 1):
        labour = Labour()
        job_runner = JobRunner(store, labour.do, JobThreads(), poll=0.02)
        job_runner.start()
        await until(lambda labour=labour: labour.begun == [job.id])
        await job_runner.stop()
    assert not job.over


async def test_a_job_whose_lock_cannot_be_opened_has_a_line_and_does_not_hold_up_others(
    store: JobStore, labour: Labour, caplog: pytest.LogCaptureFixture
) -> None:
    job = store.create(REQUEST)
    (job.folder / "lock").mkdir()
    other = store.create(REQUEST)
    await until(lambda: labour.begun == [other.id])
    await until(lambda: f"Job {job.id}: its folder cannot be used" in caplog.text)
