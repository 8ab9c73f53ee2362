"""Jobs' files in a folder and in a bucket: whole or not there, and gone after a while."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from api.errors import StorageFailure, UnknownJob
from api.jobs.files import MOST_BYTES, MOST_READ, JobFiles
from api.jobs.manifest import Entry, Manifest, SampleFault
from runners.storage import Storage
from tests.api.jobs.conftest import ID, long_request, unzipped
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
    files.create(ID, REQUEST)
    with pytest.raises(FileExistsError):
        files.create(ID, long_request({"id": "a", "text": "y"}))
    assert files.request(ID) == REQUEST
    assert keys(storage) == [f"jobs/{ID}/request.json"]


def test_a_result_appears_whole_and_stays(files: JobFiles, storage: Storage) -> None:
    files.create(ID, REQUEST)
    entries = [
        Entry(id="a", file="a.wav", subtitles="a.srt", bytes=MOST_BYTES + 1),
        Entry(id="b", error=SampleFault(type="voice_not_found", message="It is gone.")),
        *(Entry(id=f"c{n}", file=f"c{n}.wav", bytes=n) for n in range(MOST_READ + 3)),
    ]
    with files.workplace() as folder:
        for entry in entries:
            for name in entry.files:
                (folder / name).write_bytes(name.encode() * (entry.bytes // 5))
            files.keep(ID, entry, folder)
        right = {name: (folder / name).read_bytes() for entry in entries for name in entry.files}
    assert files.manifest(ID) is None
    with pytest.raises(UnknownJob):
        files.result(ID)
    manifest = Manifest.of(entries, len(entries))
    files.complete(ID, manifest)
    files.complete(ID, manifest)  # a step that was done and not recorded is done again
    packed = unzipped(files, ID)
    assert list(packed) == ["manifest.json", *right]
    assert Manifest.model_validate_json(packed.pop("manifest.json")) == files.manifest(ID) == manifest
    assert packed == right
    assert keys(storage) == [f"jobs/{ID}/{name}" for name in ("manifest.json", "request.json", "result.zip")]
    assert files.ids() == [ID]
    files.remove(ID)
    files.remove(ID)
    assert not keys(storage)


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "jobs").write_text("not a folder")
    with pytest.raises(StorageFailure):
        JobFiles(Storage(tmp_path), tmp_path / "making").create(ID, REQUEST)


def test_what_is_old_is_found_and_what_a_crash_has_left_goes(tmp_path: Path) -> None:
    files = JobFiles(Storage(tmp_path), tmp_path / "making")
    for id in (ID, OTHER):
        files.create(id, REQUEST)
    left, new = tmp_path / "making" / "left", tmp_path / "making" / "new"
    for folder in (left, new):
        folder.mkdir(parents=True)
    long_ago = time.time() - 100
    for path in (left, tmp_path / "jobs" / OTHER / "request.json"):
        os.utime(path, (long_ago, long_ago))
    assert sorted(files.ids()) == [ID, OTHER]
    assert files.untouched_for(ID) < 90 < files.untouched_for(OTHER)
    files.tidy(90)
    assert list((tmp_path / "making").iterdir()) == [new]
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
    assert max(map(files.untouched_for, files.ids())) < 86_400
