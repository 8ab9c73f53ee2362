"""Folders of jobs: whole or not there, one owner, and gone after a while."""

import os
import time
from pathlib import Path

import pytest

from api.errors import StorageFailure, UnknownJob
from api.jobs.store import KEPT, JobStore, State
from tests.api.jobs.conftest import long_request

REQUEST = long_request({"id": "a", "text": "x"})


def test_a_job_is_what_was_asked_for(store: JobStore) -> None:
    job = store.create(REQUEST)
    found = JobStore(store.folder).find(job.id)
    assert found.request() == REQUEST
    assert found.state is State.PENDING
    status = found.status()
    assert (status["task_id"], status["status"], status["executed_at"]) == (job.id, "pending", None)
    assert status["progress"]["total"] == 1


def test_the_oldest_come_first_and_only_those_that_are_not_over(store: JobStore) -> None:
    jobs = [store.create(REQUEST) for _ in range(4)]
    for age, job in enumerate(jobs):
        os.utime(job.folder / "request.json", (0, 1000 - age))
    jobs[0].cancel()
    jobs[1].fail()
    assert [job.id for job in store.unfinished()] == [jobs[3].id, jobs[2].id]
    assert [job.state for job in jobs[:2]] == [State.CANCELED, State.FAILED]


def test_a_result_counts_whatever_came_later(store: JobStore) -> None:
    job = store.create(REQUEST)
    job.begin()
    job.complete({"samples": []})
    job.cancel()
    assert job.state is State.COMPLETED


def test_a_half_written_result_is_none(store: JobStore) -> None:
    job = store.create(REQUEST)
    job.begin()
    (job.folder / "result.part").write_bytes(b"half a zip")
    assert job.state is State.IN_PROGRESS


@pytest.mark.parametrize(
    "id", ["", "..", "../jobs", "a" * 32, "A" * 32, "0" * 31, ".draft-" + "0" * 32, "0" * 32 + "\n"]
)
def test_only_ids_of_jobs_find_anything(store: JobStore, id: str) -> None:
    store.create(REQUEST)
    with pytest.raises(UnknownJob):
        store.find(id)


def test_one_at_a_time_does_a_job(store: JobStore) -> None:
    job = store.create(REQUEST)
    with job.claimed() as ours, store.find(job.id).claimed() as theirs:
        assert ours
        assert not theirs
    with store.find(job.id).claimed() as theirs:
        assert theirs


def test_what_was_over_a_day_ago_is_removed(store: JobStore) -> None:
    kept, done, waiting = (store.create(REQUEST) for _ in range(3))
    draft = store.folder / ".draft-left"
    draft.mkdir()
    kept.cancel()
    done.cancel()
    long_ago = time.time() - KEPT - 10
    for folder in (done.folder, waiting.folder, draft):
        os.utime(folder, (long_ago, long_ago))
    store.sweep()
    assert {path.name for path in store.folder.iterdir()} == {kept.id, waiting.id}


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "jobs").write_text("not a folder")
    with pytest.raises(StorageFailure):
        JobStore(tmp_path / "jobs").create(REQUEST)


def test_a_folder_that_is_no_job_is_in_nobodys_way(store: JobStore) -> None:
    job = store.create(long_request({"id": "a", "text": "x"}))
    (store.folder / ("f" * 32)).mkdir()
    assert [each.id for each in store.unfinished()] == [job.id]
    store.sweep()
    with pytest.raises(UnknownJob):
        store.find("f" * 32)
