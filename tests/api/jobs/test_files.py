"""Jobs' files in a folder and in a bucket: whole or not there, and gone after a while."""

import os
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from api.errors import StorageFailure
from api.jobs.files import JobFiles
from api.jobs.manifest import Entry, Manifest, SampleFault
from runners.storage import Storage
from tests.api.jobs.conftest import ID, long_request
from tests.bucket import Bucket, bucket_here

REQUEST = long_request({"id": "a", "text": "x"})
OTHER = "1" * 32


@pytest.fixture(scope="module")
def bucket() -> Iterator[Bucket]:
    with bucket_here("jobs") as there:
        yield there


@pytest.fixture(params=["folder", "bucket"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    if request.param == "folder":
        return Storage(tmp_path)
    request.getfixturevalue("bucket")
    return Storage(f"s3://jobs/{tmp_path.name}")


@pytest.fixture
def files(storage: Storage, tmp_path: Path) -> JobFiles:
    return JobFiles(storage, tmp_path / "making")


def keys(storage: Storage) -> list[str]:
    return [file.key for file in storage.list("jobs")]


def test_a_job_is_what_was_asked_for_first(files: JobFiles, storage: Storage) -> None:
    files.create(ID, REQUEST)
    files.create(ID, long_request({"id": "a", "text": "y"}))
    assert files.request(ID) == REQUEST
    assert keys(storage) == [f"jobs/{ID}/request.json"]


def test_a_result_appears_whole_and_stays(files: JobFiles, storage: Storage, tmp_path: Path) -> None:
    files.create(ID, REQUEST)
    with files.workplace() as folder:
        (folder / "a.wav").write_bytes(b"audio")
        files.keep(ID, Entry(id="a", file="a.wav"), folder)
    assert files.manifest(ID) is None
    failed = Entry(id="b", error=SampleFault(type="voice_not_found", message="It is gone."))
    manifest = Manifest.of([Entry(id="a", file="a.wav"), failed], 2)
    files.complete(ID, manifest)
    files.complete(ID, manifest)  # a step that was done and not recorded is done again
    for _ in range(2):  # there, and as a copy
        with zipfile.ZipFile(files.result(ID)) as archive:
            assert archive.namelist() == ["manifest.json", "a.wav"]
            assert archive.read("a.wav") == b"audio"
    assert files.manifest(ID) == manifest
    assert keys(storage) == [f"jobs/{ID}/request.json", f"jobs/{ID}/result.zip"]
    files.remove(ID)
    files.remove(ID)
    assert not keys(storage)
    assert not (tmp_path / "making" / f"{ID}.zip").exists()


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "jobs").write_text("not a folder")
    with pytest.raises(StorageFailure):
        JobFiles(Storage(tmp_path), tmp_path / "making").create(ID, REQUEST)


def test_what_is_old_is_found_and_what_a_crash_has_left_goes(tmp_path: Path) -> None:
    files = JobFiles(Storage(tmp_path), tmp_path / "making")
    for id in (ID, OTHER):
        files.create(id, REQUEST)
    left, copy = tmp_path / "making" / "left", tmp_path / "making" / f"{OTHER}.zip"
    left.mkdir(parents=True)
    copy.touch()
    long_ago = time.time() - 100
    for path in (left, copy, tmp_path / "jobs" / OTHER / "request.json"):
        os.utime(path, (long_ago, long_ago))
    assert files.older_than(90) == [OTHER]
    assert not list((tmp_path / "making").iterdir())
    files.remove(OTHER)
    assert {path.name for path in (tmp_path / "jobs").iterdir()} == {ID}


@pytest.mark.parametrize("days", [-30, 30])
def test_a_clock_that_is_set_makes_nothing_old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, days: int) -> None:
    files = JobFiles(Storage(tmp_path), tmp_path / "making")
    then = time.time() + days * 86_400
    files.create(ID, REQUEST)
    monkeypatch.setattr(time, "time", lambda: then)
    files.create(OTHER, REQUEST)
    os.utime(tmp_path / "jobs" / OTHER / "request.json", (then, then))
    assert not files.older_than(86_400)
