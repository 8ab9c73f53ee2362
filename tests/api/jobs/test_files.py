"""Folders of jobs: whole or not there, one owner, and gone after a while."""

import os
import time
from pathlib import Path

import pytest
from filelock import Timeout

from api.errors import StorageFailure, UnknownJob
from api.jobs.manifest import Entry, Manifest
from api.jobs.store import KEPT, JobStore, State
from tests.api.jobs.conftest import long_request

EMPTY = Manifest.of([], 0)
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
    jobs[1].fail("It failed.")
    assert [job.id for job in store.unfinished()] == [jobs[3].id, jobs[2].id]
    assert [job.state for job in jobs[:2]] == [State.CANCELED, State.FAILED]


def test_a_result_counts_whatever_came_later(store: JobStore) -> None:
    job = store.create(REQUEST)
    job.begin()
    job.complete(EMPTY)
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
    with job.lock().acquire(timeout=0), pytest.raises(Timeout):
        store.find(job.id).lock().acquire(timeout=0)
    store.find(job.id).lock().acquire(timeout=0).lock.release()


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


@pytest.mark.parametrize("days", [-30, 30])
def test_a_clock_that_is_set_removes_no_results(store: JobStore, monkeypatch: pytest.MonkeyPatch, days: int) -> None:
    before, after = (store.create(REQUEST) for _ in range(2))
    before.cancel()
    then = time.time() + days * 86_400
    monkeypatch.setattr(time, "time", lambda: then)
    store.sweep()
    after.cancel()
    os.utime(after.folder, (then, then))
    store.sweep()
    assert {path.name for path in store.folder.iterdir()} == {before.id, after.id}


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


def test_texts_and_audio_are_for_their_owner_only(store: JobStore) -> None:
    job = store.create(REQUEST)
    job.begin()
    job.add(Entry(id="a"))
    job.attempt()
    with job.lock().acquire(timeout=0):
        pass
    job.fail("It failed.")
    (other := store.create(REQUEST)).cancel()
    job.complete(EMPTY)
    for path in [store.folder, job.folder, other.folder, *job.folder.iterdir(), *other.folder.iterdir()]:
        assert path.stat().st_mode & 0o777 == (0o700 if path.is_dir() else 0o600), path


@pytest.mark.parametrize("content", [b"", b'{"total": 1, "do', b"[]", b'{"sum": 1}', b"\x00" * 60])
def test_torn_progress_is_counted_again(store: JobStore, content: bytes) -> None:
    job = store.create(long_request(*({"id": id, "text": "x"} for id in "abc")))
    job.begin()
    job.add(Entry(id="a", file="a.wav", duration=1.5))
    (job.folder / "progress.json").write_bytes(content)
    progress = job.status()["progress"]
    assert (progress["total"], progress["done"], progress["audio_seconds"]) == (3, 1, 1.5)


def test_attempts_count_until_a_sample_is_finished_or_one_ends_in_order(store: JobStore) -> None:
    job = store.create(REQUEST)
    assert [job.attempt() for _ in range(3)] == [1, 2, 3]
    job.begin()
    job.add(Entry(id="a"))
    assert [job.attempt() for _ in range(2)] == [1, 2]
    job.attempt_over()
    assert job.attempt() == 1
    (job.folder / "attempts").write_bytes(b"[2")
    assert job.attempt() == 1
