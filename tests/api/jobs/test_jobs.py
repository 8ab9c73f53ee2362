"""Jobs in a database: what callers see, what survives, and a caller that leaves at any moment."""

import asyncio
import errno
import json
import sqlite3
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from sqlalchemy.exc import OperationalError

from api.errors import JobNotDone, JobsAway, UnknownJob
from api.jobs import jobs as module
from api.jobs import tables
from api.jobs.engine import ENDED_ITS_SERVER, UNFORESEEN, Engine
from api.jobs.files import JobFiles
from api.jobs.state import JobStatus, State
from api.jobs.work import Work
from runners.errors import InvalidInput
from runners.storage import Storage
from tests.api.jobs.conftest import long_request, over, until, unzipped
from tests.api.jobs.fake_bulk_runner import FakeBulkRunner

REQUEST = long_request({"id": "a", "text": "One."}, {"id": "b", "text": "Two?!"})


def names(jobs: list[Any]) -> list[str]:
    return [job.id for job in jobs]


async def test_a_job_is_done_listed_and_retried(opened: Any, files: JobFiles, tmp_path: Path) -> None:
    async with opened() as jobs:
        id = await jobs.submit(REQUEST, "anna")
        other = await jobs.submit(REQUEST, "nora")
        job = await over(jobs, id)
        assert (job.state, job.error) == (State.COMPLETED, None)
        progress = job.progress
        assert (progress.total, progress.done, progress.failed, progress.passages) == (2, 1, 1, 2)
        assert set(unzipped(files, id)) == {"a.wav", "manifest.json"}
        assert (await jobs.result(id)).size
        retried = await jobs.retry(id, "anna")
        assert (await over(jobs, retried)).progress.total == 1  # the one that failed
        assert names(await jobs.of("anna", 10)) == [retried, id]
        assert names(await jobs.of("anna", 1)) == [retried]
        assert names(await jobs.of("nora", 10)) == [other]
        assert (await over(jobs, other)).state is State.COMPLETED
    assert not list((tmp_path / "jobs").glob("*/passages"))


async def test_the_same_key_and_body_are_the_same_job(opened: Any) -> None:
    body = {"id": "a", "text": "One.", "seed": None}
    async with opened() as jobs:
        id = await jobs.submit(long_request(body), "anna", "key")
        assert await jobs.submit(long_request(body), "anna", "key") == id
        assert await jobs.submit(long_request(body), "nora", "key") != id
        assert await jobs.submit(long_request(body), "anna", "another") != id
        at_once = {await each for each in [jobs.submit(long_request(body), "anna", "third") for _ in range(3)]}
        assert len(at_once) == 1
        with pytest.raises(InvalidInput, match="different body"):
            await jobs.submit(long_request({**body, "text": "Two."}), "anna", "key")


async def test_an_unknown_job(opened: Any) -> None:
    async with opened() as jobs:
        for id in ("", "..", "a" * 32, "A" * 32, "0" * 31, "0" * 32 + "\n", "\0"):
            for asked in (jobs.status, jobs.result, jobs.cancel):
                with pytest.raises(UnknownJob):
                    await asked(id)


async def test_a_canceled_job_stays_canceled(opened: Any, runner: FakeBulkRunner) -> None:
    runner.may_answer.clear()
    async with opened() as jobs:
        id = await jobs.submit(REQUEST, "anna")
        await until(lambda: asyncio.sleep(0, bool(runner.calls)))
        with pytest.raises(JobNotDone, match="not done yet"):
            await jobs.retry(id, "anna")
        assert (await jobs.cancel(id)).state is State.CANCELED
        with pytest.raises(JobNotDone, match="canceled"):
            await jobs.result(id)
        await until(lambda: asyncio.sleep(0, runner.dropped))
        assert (await jobs.cancel(id)).state is State.CANCELED


async def test_what_stops_is_gone_on_with_and_is_no_attempt(
    opened: Any, runner: FakeBulkRunner, tmp_path: Path
) -> None:
    runner.may_answer.clear()
    for attempt in range(4):  # one more than may end their server
        async with opened() as jobs:
            id = await jobs.submit(REQUEST, "anna", "key")
            await until(lambda attempt=attempt: asyncio.sleep(0, len(runner.calls) > attempt))
    with sqlite3.connect(tmp_path / "jobs.sqlite") as database:
        assert database.execute("SELECT status, recovery_attempts FROM workflow_status").fetchall() == [("ENQUEUED", 0)]
        assert database.execute("SELECT count(*) FROM servers").fetchone() == (0,)
    runner.may_answer.set()
    async with opened() as jobs:
        assert (await over(jobs, id)).state is State.COMPLETED


async def test_a_job_that_has_ended_its_server_three_times_is_failed_with_its_reason(
    opened: Any, runner: FakeBulkRunner, tmp_path: Path
) -> None:
    runner.may_answer.clear()
    async with opened() as jobs:
        id = await jobs.submit(REQUEST, "anna")
        await until(lambda: asyncio.sleep(0, runner.calls))
    with sqlite3.connect(tmp_path / "jobs.sqlite") as database:  # as servers that were killed leave it
        database.execute("UPDATE workflow_status SET recovery_attempts = 2")
    async with opened() as jobs:  # what was done before is no progress
        await until(lambda: asyncio.sleep(0, len(runner.calls) == 2))
        with sqlite3.connect(tmp_path / "jobs.sqlite") as database:
            assert database.execute("SELECT recovery_attempts FROM workflow_status").fetchone() == (3,)
    with sqlite3.connect(tmp_path / "jobs.sqlite") as database:
        database.execute("UPDATE workflow_status SET recovery_attempts = 3")
    async with opened() as jobs:
        job = await over(jobs, id)
        assert (job.state, job.error) == (State.FAILED, ENDED_ITS_SERVER)
        with pytest.raises(JobNotDone, match="ended 3 times"):
            await jobs.result(id)


async def test_a_fault_that_nobody_foresaw_fails_the_job_and_not_the_others(
    opened: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with opened() as jobs:
        with monkeypatch.context() as broken:
            broken.setattr(Work, "_plan", lambda *_: 1 / 0)
            id = await jobs.submit(REQUEST, "anna")
            job = await over(jobs, id)
        assert (job.state, job.error) == (State.FAILED, UNFORESEEN)
        assert f"Job {id}: failed" in caplog.text
        assert (await over(jobs, await jobs.submit(REQUEST, "anna"))).state is State.COMPLETED


async def test_jobs_of_an_earlier_version_are_finished(opened: Any, tmp_path: Path) -> None:
    files = JobFiles(Storage(tmp_path), tmp_path / "making")
    ids = [number * 32 for number in "123"]
    for id in ids:
        files.create(id, REQUEST)
        (tmp_path / "jobs" / id / "progress.json").write_text(json.dumps({"total": 2}))
    (tmp_path / "jobs" / ids[1] / "canceled").touch()
    async with opened() as jobs:
        assert (await over(jobs, ids[0])).state is State.COMPLETED
        assert (await over(jobs, ids[2])).progress.done == 1
        with pytest.raises(UnknownJob):
            await jobs.status(ids[1])


async def test_what_was_over_a_day_ago_is_removed(opened: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with opened() as jobs:
        id = await jobs.submit(REQUEST, "anna", "key")
        await over(jobs, id)
    assert (tmp_path / "jobs" / id).exists()
    monkeypatch.setattr("api.jobs.jobs.KEPT", -10.0)
    async with opened() as jobs:
        await until(lambda: asyncio.sleep(0, not (tmp_path / "jobs" / id).exists()))
        await asyncio.sleep(0.5)
    with sqlite3.connect(tmp_path / "jobs.sqlite") as database:
        for table in ("workflow_status", "operation_outputs"):
            assert database.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,), table


async def test_the_database_has_no_texts_and_is_for_its_owner_only(opened: Any, tmp_path: Path) -> None:
    async with opened() as jobs:
        id = await jobs.submit(long_request({"id": "a", "text": "Secret words."}), "anna")
        await over(jobs, id)
        private(tmp_path, id)


def private(folder: Path, id: str) -> None:
    for file in folder.glob("jobs.sqlite*"):
        assert file.stat().st_mode & 0o777 == 0o600, file
        assert b"Secret" not in file.read_bytes()
    for path in [folder / "jobs" / id, *(folder / "jobs" / id).iterdir()]:
        assert path.stat().st_mode & 0o777 == (0o700 if path.is_dir() else 0o600), path


@pytest.mark.parametrize("after", [0.0, 0.01, 0.05, 0.1, 0.3])
async def test_a_caller_that_leaves_at_any_moment_leaves_no_job(opened: Any, after: float) -> None:
    async with opened() as jobs:
        await jobs.of("anna", 1)
        waiting = asyncio.create_task(jobs.whole(REQUEST, "anna"))
        await asyncio.sleep(after)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        assert all(job.over for job in await jobs.of("anna", 9))


async def test_who_leaves_while_the_database_is_away_leaves_no_job(
    opened: Any, runner: FakeBulkRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    cancel, failures = Engine.cancel, iter([OperationalError("cancel", None, OSError("away"))] * 2)

    def flaky(engine: Engine, id: str) -> JobStatus:
        for failure in failures:
            raise failure
        return cancel(engine, id)

    monkeypatch.setattr(Engine, "cancel", flaky)
    monkeypatch.setattr(module, "BEAT", 0.2)
    monkeypatch.setattr(module, "PAUSE", 0.0)
    runner.may_answer.clear()
    async with opened() as jobs:
        waiting = asyncio.create_task(jobs.whole(REQUEST, "anna"))
        while not await jobs.of("anna", 1):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        (job,) = await jobs.of("anna", 1)
        await over(jobs, job.id)
        assert (await jobs.status(job.id)).state is State.CANCELED


async def test_a_folder_that_cannot_be_written_is_told_of_once(
    opened: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "BEAT", 0.02)
    monkeypatch.setattr(tables, "private_folder", Mock(side_effect=OSError(errno.EROFS, "Read-only file system")))
    async with opened() as jobs:
        with pytest.raises(JobsAway):
            await jobs.of("anna", 1)
        await asyncio.sleep(0.3)
    (line,) = [record for record in caplog.records if record.levelname == "ERROR"]
    assert "Read-only file system" in line.getMessage()
    assert line.exc_info is None
