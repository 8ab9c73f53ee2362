"""Folders of jobs: whole or not there, and gone after a while."""

import os
import time
import zipfile
from pathlib import Path

import pytest

from api.errors import StorageFailure
from api.jobs.files import JobFiles
from api.jobs.manifest import Entry, Manifest, SampleFault
from tests.api.jobs.conftest import ID, long_request

REQUEST = long_request({"id": "a", "text": "x"})
OTHER = "1" * 32


def test_a_job_is_what_was_asked_for_first(files: JobFiles, tmp_path: Path) -> None:
    files.create(ID, REQUEST)
    files.create(ID, long_request({"id": "a", "text": "y"}))
    assert files.request(ID) == REQUEST
    assert [path.name for path in (tmp_path / "jobs").iterdir()] == [ID]


def test_a_result_appears_whole_and_stays(files: JobFiles) -> None:
    files.create(ID, REQUEST)
    (files.finished(ID) / "a.wav").write_bytes(b"audio")
    failed = Entry(id="b", error=SampleFault(type="voice_not_found", message="It is gone."))
    manifest = Manifest.of([Entry(id="a", file="a.wav"), failed], 2)
    files.complete(ID, manifest)
    files.complete(ID, manifest)  # a step that was done and not recorded is done again
    with zipfile.ZipFile(files.result(ID)) as archive:
        assert archive.namelist() == ["manifest.json", "a.wav"]
    assert files.failed(ID) == {"b"}
    assert {path.name for path in files.result(ID).parent.iterdir()} == {"request.json", "result.zip"}


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "jobs").write_text("not a folder")
    with pytest.raises(StorageFailure):
        JobFiles(tmp_path / "jobs").create(ID, REQUEST)


def test_what_is_old_is_found_and_what_a_crash_has_left_goes(files: JobFiles, tmp_path: Path) -> None:
    for id in (ID, OTHER):
        files.create(id, REQUEST)
    draft, stranger = tmp_path / "jobs" / ".draft-left", tmp_path / "jobs" / "lost+found"
    long_ago = time.time() - 100
    for folder in (draft, stranger, tmp_path / "jobs" / OTHER):
        folder.mkdir(exist_ok=True)
        os.utime(folder, (long_ago, long_ago))
    assert files.older_than(90) == [OTHER]
    files.remove(OTHER)
    files.remove(OTHER)
    assert {path.name for path in (tmp_path / "jobs").iterdir()} == {ID, "lost+found"}


@pytest.mark.parametrize("days", [-30, 30])
def test_a_clock_that_is_set_makes_nothing_old(
    files: JobFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, days: int
) -> None:
    then = time.time() + days * 86_400
    files.create(ID, REQUEST)
    monkeypatch.setattr(time, "time", lambda: then)
    files.create(OTHER, REQUEST)
    os.utime(tmp_path / "jobs" / OTHER, (then, then))
    assert not files.older_than(86_400)
