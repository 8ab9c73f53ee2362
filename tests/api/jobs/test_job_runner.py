"""Who does which job, and when he stops."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from api.jobs.job_runner import AT_ONCE, JobRunner
from api.jobs.store import Job, JobStore, State
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
            job.complete({"samples": []})
        except asyncio.CancelledError:
            self.dropped.append(job.id)
            raise


@pytest.fixture
async def labour(store: JobStore) -> AsyncIterator[Labour]:
    labour = Labour()
    job_runner = JobRunner(store, labour.do, poll=0.02)
    job_runner.start()
    yield labour
    await job_runner.stop()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
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
    second = JobRunner(JobStore(store.folder), other.do, poll=0.02)
    second.start()
    await asyncio.sleep(0.1)
    await second.stop()
    assert not other.begun


async def test_what_stops_leaves_the_job_to_the_next(store: JobStore) -> None:
    first, second = Labour(), Labour()
    second.may_end.set()
    job = store.create(REQUEST)
    job_runner = JobRunner(store, first.do, poll=0.02)
    job_runner.start()
    await until(lambda: first.begun == [job.id])
    await job_runner.stop()
    assert not job.over
    successor = JobRunner(JobStore(store.folder), second.do, poll=0.02)
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
