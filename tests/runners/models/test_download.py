import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from huggingface_hub.errors import HfHubHTTPError
from huggingface_hub.utils.sha import git_hash

from runners.errors import ConfigurationError
from runners.models.download import RemoteFile, bytes_missing, fetch
from runners.models.ranges import ATTEMPTS, RANGE
from tests.fake_hub import COMMIT, FakeHub, Fault, sha256, wait_until

MODEL = random.Random(1).randbytes(25_000_000)
SPEAKERS = random.Random(2).randbytes(100_000)
CUT = 23_000_000  # in the third and last range of the model
KEPT = 2 * RANGE
LAST = f"bytes={KEPT}-{len(MODEL) - 1}"


@pytest.fixture
def hub() -> Iterator[FakeHub]:
    with FakeHub({"model.pth": MODEL, "speakers.pth": SPEAKERS, "config.json": b'{"model": "xtts"}'}) as hub:
        yield hub


def remote(hub: FakeHub, name: str) -> RemoteFile:
    body = hub.files[name]
    digest = sha256(body) if name.endswith(".pth") else git_hash(body)
    return RemoteFile(name, f"{hub.endpoint}/{hub.repo}/resolve/{COMMIT}/{name}", len(body), digest)


@pytest.mark.parametrize("name", ["speakers.pth", "config.json"])
def test_whole_file(hub: FakeHub, tmp_path: Path, name: str):
    fetch(remote(hub, name), tmp_path)
    assert (tmp_path / name).read_bytes() == hub.files[name]
    fetch(remote(hub, name), tmp_path)
    assert len(hub.downloads(name)) == 1


def test_ranges_are_read_at_the_same_time(hub: FakeHub, tmp_path: Path):
    hub.open.clear()
    with ThreadPoolExecutor() as threads:
        fetching = threads.submit(fetch, remote(hub, "model.pth"), tmp_path)
        wait_until(lambda: hub.answering == 3)
        hub.open.set()
        fetching.result()
    assert (tmp_path / "model.pth").read_bytes() == MODEL
    assert sum(answer.sent for answer in hub.downloads("model.pth")) == len(MODEL)


@pytest.mark.parametrize("kind", ["cut", "reset"])
def test_broken_answer_is_asked_for_again_by_itself(hub: FakeHub, tmp_path: Path, kind: str):
    hub.faults = [Fault(kind, CUT)]
    fetch(remote(hub, "model.pth"), tmp_path)
    assert (tmp_path / "model.pth").read_bytes() == MODEL
    sent = sorted((answer.range, answer.sent) for answer in hub.downloads("model.pth"))
    assert len(sent) == 4
    assert [bytes for asked, bytes in sent if asked == LAST] == [CUT - KEPT, len(MODEL) - KEPT]


def test_bad_network_is_borne_while_something_comes(hub: FakeHub, tmp_path: Path):
    hub.faults = [Fault("cut", CUT)] * ATTEMPTS
    fetch(remote(hub, "model.pth"), tmp_path)
    assert (tmp_path / "model.pth").read_bytes() == MODEL


def test_next_attempt_goes_on_where_the_last_one_failed(hub: FakeHub, tmp_path: Path):
    file = remote(hub, "model.pth")
    hub.faults = [Fault("refuse", CUT)] * ATTEMPTS
    with pytest.raises(HfHubHTTPError):
        fetch(file, tmp_path)
    assert bytes_missing([file], tmp_path) == len(MODEL) - KEPT
    hub.served.clear()
    fetch(file, tmp_path)
    assert (tmp_path / "model.pth").read_bytes() == MODEL
    assert [(answer.range, answer.sent) for answer in hub.downloads("model.pth")] == [(LAST, len(MODEL) - KEPT)]


def test_server_that_asks_for_patience_is_given_it(hub: FakeHub, tmp_path: Path):
    hub.faults = [Fault("busy")]
    fetch(remote(hub, "speakers.pth"), tmp_path)
    assert (tmp_path / "speakers.pth").read_bytes() == SPEAKERS


def test_what_is_not_there_is_not_asked_for_again(hub: FakeHub, tmp_path: Path):
    hub.faults = [Fault("lose")] * ATTEMPTS
    with pytest.raises(HfHubHTTPError):
        fetch(remote(hub, "speakers.pth"), tmp_path)
    assert len(hub.faults) == ATTEMPTS - 1


@pytest.mark.parametrize(
    ("name", "fault", "said"),
    [
        ("speakers.pth", Fault("empty"), "the server sent 0 bytes where it was asked for 100000 from 0 on"),
        ("model.pth", Fault("empty", CUT), r"asked for a range of model\.pth, localhost answered 200, not 206"),
        ("model.pth", Fault("whole", CUT), r"asked for a range of model\.pth, localhost answered 200, not 206"),
        ("speakers.pth", Fault("short", 5), "the server sent 5 bytes where it was asked for 100000 from 0 on"),
    ],
)
def test_answer_that_is_not_what_was_asked_for(hub: FakeHub, tmp_path: Path, name: str, fault: Fault, said: str):
    hub.faults = [fault] * ATTEMPTS
    with pytest.raises(ValueError, match=said):
        fetch(remote(hub, name), tmp_path)
    assert hub.faults == []
    fetch(remote(hub, name), tmp_path)
    assert (tmp_path / name).read_bytes() == hub.files[name]


def test_server_without_ranges_may_send_the_whole_file(hub: FakeHub, tmp_path: Path):
    hub.faults = [Fault("whole")]
    fetch(remote(hub, "speakers.pth"), tmp_path)
    assert (tmp_path / "speakers.pth").read_bytes() == SPEAKERS
    assert [answer.status for answer in hub.downloads("speakers.pth")] == [200]


@pytest.mark.parametrize("name", ["speakers.pth", "config.json"])
def test_damaged_file_is_thrown_away(hub: FakeHub, tmp_path: Path, name: str):
    hub.corrupt.add(name)
    with pytest.raises(ConfigurationError, match=f"{name} arrived damaged"):
        fetch(remote(hub, name), tmp_path)
    assert not (tmp_path / name).exists()
    hub.corrupt.clear()
    fetch(remote(hub, name), tmp_path)
    assert (tmp_path / name).read_bytes() == hub.files[name]


def test_damaged_beginning_is_found(hub: FakeHub, tmp_path: Path):
    (tmp_path / "speakers.pth").write_bytes(b"not the speakers")
    with pytest.raises(ConfigurationError, match=r"speakers\.pth arrived damaged"):
        fetch(remote(hub, "speakers.pth"), tmp_path)
    assert hub.downloads("speakers.pth")[0].range == f"bytes=16-{len(SPEAKERS) - 1}"
    assert not (tmp_path / "speakers.pth").exists()


def test_file_that_is_too_long_is_fetched_anew(hub: FakeHub, tmp_path: Path):
    (tmp_path / "config.json").write_bytes(b"x" * 1000)
    fetch(remote(hub, "config.json"), tmp_path)
    assert (tmp_path / "config.json").read_bytes() == hub.files["config.json"]


def test_empty_file(hub: FakeHub, tmp_path: Path):
    fetch(RemoteFile("empty", hub.endpoint, 0, git_hash(b"")), tmp_path)
    assert (tmp_path / "empty").read_bytes() == b""
    assert not hub.served


def test_bytes_missing_counts_what_is_there(hub: FakeHub, tmp_path: Path):
    files = [remote(hub, "model.pth"), remote(hub, "config.json")]
    assert bytes_missing(files, tmp_path) == len(MODEL) + 17
    (tmp_path / "model.pth").write_bytes(MODEL[:1000])
    assert bytes_missing(files, tmp_path) == len(MODEL) - 1000 + 17
