"""Files by their keys mean the same in a folder and in a bucket, and one that is away is said to be, in seconds."""

import logging
import os
import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runners import storage as module
from runners.errors import ConfigurationError, StorageAway
from runners.storage import Storage, check_bucket
from tests.bucket import Bucket, bucket_here


@pytest.fixture(scope="module")
def bucket() -> Iterator[Bucket]:
    with bucket_here("things") as there:
        yield there


@pytest.fixture(params=["folder", "bucket"])
def storage(request: pytest.FixtureRequest, bucket: Bucket, tmp_path: Path) -> Storage:
    return Storage(tmp_path / "files" if request.param == "folder" else f"s3://{bucket.name}/{tmp_path.name}")


KEYS = st.sampled_from(["a.json", "b/é (1).wav", "b/c'd.wav", "b/c/e"])
ACTS = st.tuples(st.sampled_from(["put", "new", "file", "delete", "delete folder"]), KEYS, st.binary(max_size=40))


@given(acts=st.lists(ACTS, max_size=12))
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_it_holds_what_a_dictionary_would(
    bucket: Bucket, tmp_path_factory: pytest.TempPathFactory, acts: list[tuple[str, str, bytes]]
) -> None:
    folder = tmp_path_factory.mktemp("storage")
    source = folder / "source"
    for storage in (Storage(folder / "files"), Storage(f"s3://{bucket.name}/{folder.name}")):
        right: dict[str, bytes] = {}
        for act, key, content in acts:
            if act == "put":
                storage.put(key, content)
            elif act == "new" and key in right:
                with pytest.raises(FileExistsError):
                    storage.put(key, content, new=True)
            elif act == "new":
                storage.put(key, content, new=True)
            elif act == "file":
                source.write_bytes(content)
                storage.put_file(key, source)
            elif act == "delete":
                storage.delete(key)
            else:
                storage.delete_folder("b")
            if act in ("put", "file") or (act == "new" and key not in right):
                right[key] = content
            if act == "delete":
                right.pop(key, None)
            if act == "delete folder":
                right = {each: value for each, value in right.items() if not each.startswith("b/")}
            there = {each.split("/")[0] for each in right}
            assert there <= set(storage.names("")) <= there | {"b"}  # a folder may stay when it is empty
            assert [file.key for file in storage.list("b")] == sorted(each for each in right if each.startswith("b/"))
        assert storage.read_all(["a.json", "b/é (1).wav", "b/c'd.wav", "b/c/e"]) == right
        for key, content in right.items():
            described = storage.describe(key)
            assert described is not None
            assert (described.key, described.size) == (key, len(content))
            assert b"".join(storage.pieces(key)) == content


def test_versions_change_with_the_content(storage: Storage) -> None:
    storage.put("a", b"1")
    before = storage.describe("a")
    storage.put("a", b"2")
    assert before != storage.describe("a")
    assert before is not None
    assert before.version
    assert before.modified > 1.7e9


def test_what_is_not_there(storage: Storage) -> None:
    assert storage.list("nothing") == []
    assert storage.describe("nothing") is None
    storage.delete("nothing")
    storage.delete_folder("nothing")
    with pytest.raises(FileNotFoundError):
        storage.read("nothing")
    with pytest.raises(FileNotFoundError):
        list(storage.pieces("nothing"))


def test_ranges_of_large_files(storage: Storage, tmp_path: Path) -> None:
    content = os.urandom(2 * 2**20 + 5)
    (tmp_path / "large").write_bytes(content)
    storage.put_file("large", tmp_path / "large")
    assert [len(piece) for piece in storage.pieces("large")] == [2**20, 2**20, 5]
    assert b"".join(storage.pieces("large", 7, 2**20 + 9)) == content[7 : 2**20 + 9]


def test_of_many_at_once_one_wins(storage: Storage) -> None:
    outcomes: list[int] = []
    barrier = threading.Barrier(6)

    def race(number: int) -> None:
        barrier.wait()
        try:
            storage.put("name", str(number).encode(), new=True)
            outcomes.append(number)
        except FileExistsError:
            pass

    racers = [threading.Thread(target=race, args=(number,)) for number in range(6)]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join()
    assert outcomes == [int(storage.read("name"))]


def test_a_store_without_conditional_writes_still_gives_a_key_once(bucket: Bucket) -> None:
    bucket.conditional = False
    try:
        storage = Storage(f"s3://{bucket.name}/plain")
        storage.put("a", b"1", new=True)
        with pytest.raises(FileExistsError):
            storage.put("a", b"2", new=True)
        assert storage.read("a") == b"1"
    finally:
        bucket.conditional = True


@pytest.fixture(params=["refused", "mute"])
def away(request: pytest.FixtureRequest, bucket: Bucket) -> Iterator[tuple[Callable[[], None], Callable[[], None]]]:
    """Takes the bucket away, and brings it back."""
    refused = request.param == "refused"
    go, come = (bucket.go, bucket.come) if refused else (bucket.mute.set, bucket.mute.clear)
    yield go, come
    bucket.mute.clear()
    if bucket.gone:
        bucket.come()


def test_away_and_back(
    bucket: Bucket,
    away: tuple[Callable[[], None], Callable[[], None]],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    go, come = away
    caplog.set_level(logging.INFO, module.__name__)
    monkeypatch.setattr(module, "PAUSE", 60.0)
    monkeypatch.setattr(module, "SILENCE", 5.0)
    storage = Storage(f"s3://{bucket.name}/away")
    storage.put("a", b"1")
    go()
    with pytest.raises(StorageAway, match="does not answer"):
        storage.read("a")
    asked = len(bucket.requests)
    for call in (lambda: storage.put("a", b"2"), lambda: storage.list(""), lambda: storage.delete("a"), storage.check):
        with pytest.raises(StorageAway):
            call()
    assert len(bucket.requests) == asked  # it is left alone for a while
    come()
    storage._away_until = 1e-9  # the while is over
    with pytest.raises(FileNotFoundError):  # which is an answer, too
        storage.read("b")
    storage.check()
    assert storage.read("a") == b"1"
    assert [record.levelname for record in caplog.records if record.name == module.__name__] == ["WARNING", "INFO"]


def test_a_bucket_that_is_gone_is_away_and_not_empty(bucket: Bucket) -> None:
    storage = Storage("s3://nobodys/things")
    for call in (lambda: storage.read("a"), lambda: storage.list("a")):
        with pytest.raises(StorageAway):
            call()
        storage._away_until = 0


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("s3://nobodys/things", r"cannot be listed \(s3:ListBucket\): there is no such bucket"),
        ("s3://no_such?name/things", r"cannot be listed .*AWS_ENDPOINT_URL"),
        ("gs://bucket/things", "this takes a package that is not here"),
    ],
)
def test_start_up_says_what_is_wrong_with_a_bucket(bucket: Bucket, url: str, reason: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"^XTTS_DATA_DIR={re.escape(url)}: {reason}"):
        check_bucket(url)


@pytest.mark.parametrize(
    ("method", "right"),
    [
        ("PUT", r"written \(s3:PutObject\)"),
        ("GET /things/some/probe/", r"read \(s3:GetObject\)"),
        ("GET", r"listed \(s3:ListBucket\)"),
        ("DELETE", r"deleted from \(s3:DeleteObject\)"),
    ],
)
def test_start_up_says_which_right_is_missing(bucket: Bucket, method: str, right: str) -> None:
    bucket.refused = method
    try:
        with pytest.raises(ConfigurationError, match=rf"^XTTS_DATA_DIR=s3://things/some: cannot be {right}: access is"):
            check_bucket("s3://things/some")
    finally:
        bucket.refused = ""


def test_what_a_bucket_keeps_is_not_called_deleted(bucket: Bucket) -> None:
    storage = Storage(f"s3://{bucket.name}/kept")
    storage.put("folder/a", b"1")
    bucket.keeps = True
    bucket.refused = "DELETE"
    try:
        for delete in (lambda: storage.delete("folder/a"), lambda: storage.delete_folder("folder")):
            storage._away_until = 0.0
            with pytest.raises(StorageAway):
                delete()
    finally:
        bucket.keeps = False
        bucket.refused = ""


def test_a_bucket_that_is_in_order_or_away_starts(bucket: Bucket, caplog: pytest.LogCaptureFixture) -> None:
    check_bucket(f"s3://{bucket.name}/whole")
    assert [key for key in bucket.objects() if key.startswith("whole/")] == []
    bucket.go()
    try:
        check_bucket(f"s3://{bucket.name}/some")
    finally:
        bucket.come()
    assert "does not answer" in caplog.text
