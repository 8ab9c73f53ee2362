import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub.errors import HfHubHTTPError
from huggingface_hub.utils.sha import git_hash

from runners.errors import ConfigurationError
from runners.models.download import RemoteFile, bytes_missing, fetch
from tests.fake_hub import COMMIT, FakeHub, Fault, sha256

MODEL = random.Random(1).randbytes(25_000_000)
SPEAKERS = random.Random(2).randbytes(100_000)
CHUNK = 10 * 2**20  # huggingface_hub writes what comes in chunks of this size
KEPT = 2 * CHUNK  # of a file that is cut at CUT
CUT = 23_000_000


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


def test_cut_file_goes_on_by_itself(hub: FakeHub, tmp_path: Path):
    hub.faults = [Fault("cut", CUT)]
    fetch(remote(hub, "model.pth"), tmp_path)
    assert (tmp_path / "model.pth").read_bytes() == MODEL
    first, second = hub.downloads("model.pth")
    assert (first.range, first.sent) == (None, CUT)
    assert (second.range, second.sent) == (f"bytes={KEPT}-", len(MODEL) - KEPT)


def test_reset_connection_goes_on_by_itself(hub: FakeHub, tmp_path: Path):
    hub.faults = [Fault("reset", CUT)]
    fetch(remote(hub, "model.pth"), tmp_path)
    assert (tmp_path / "model.pth").read_bytes() == MODEL
    assert hub.downloads("model.pth")[1].range in {
        f"bytes={CHUNK}-",
        f"bytes={KEPT}-",
    }  # a reset loses what is unread


def test_next_attempt_goes_on_where_the_last_one_failed(hub: FakeHub, tmp_path: Path):
    file = remote(hub, "model.pth")
    hub.faults = [Fault("cut", CUT), Fault("refuse")]
    with pytest.raises(HfHubHTTPError):
        fetch(file, tmp_path)
    assert bytes_missing([file], tmp_path) == len(MODEL) - KEPT
    fetch(file, tmp_path)
    assert (tmp_path / "model.pth").read_bytes() == MODEL
    last = hub.downloads("model.pth")[-1]
    assert (last.range, last.sent) == (f"bytes={KEPT}-", len(MODEL) - KEPT)


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
    assert hub.downloads("speakers.pth")[0].range == "bytes=16-"
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
