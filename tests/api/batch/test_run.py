"""One run against a real server: so many samples at once, failures that stop nothing, errors that do."""

import hashlib
import io
from pathlib import Path

import pytest

from api.batch.client import ServerUnreachableError
from api.batch.file import Sample
from api.batch.manifest import Manifest
from api.batch.progress import Progress
from api.batch.run import run
from tests.api.batch.conftest import Connect
from tests.api.batch.fake_server import FakeServer


def batch(*texts: str) -> list[Sample]:
    return [Sample(str(i), {"text": text, "output_format": "wav"}) for i, text in enumerate(texts)]


def quiet() -> Progress:
    return Progress(0, io.StringIO(), io.StringIO())


@pytest.mark.parametrize("concurrency", [1, 3])
async def test_so_many_samples_at_once_and_each_once(tmp_path: Path, connect: Connect, concurrency: int) -> None:
    server, samples = FakeServer(slowness=0.1), batch(*"abcdefgh")
    manifest = Manifest(tmp_path, samples)

    await run(connect(server), manifest, quiet(), concurrency)

    assert server.at_once == concurrency
    assert sorted(server.texts()) == list("abcdefgh")
    assert [entry.text for entry in manifest.done] == list("abcdefgh")
    assert manifest.run_seconds >= 8 / concurrency * 0.1


async def test_a_failed_sample_does_not_stop_the_rest(tmp_path: Path, connect: Connect) -> None:
    samples = batch("a", "!wrong", "b", "!crash", "c", "!html", "!busy", "d")
    manifest = Manifest(tmp_path, samples)

    await run(connect(FakeServer()), manifest, quiet(), 2)

    assert [entry.text for entry in manifest.done] == ["a", "b", "c", "!busy", "d"]
    assert [entry.error.type for entry in manifest.failed] == ["unknown_voice", "connection", "bad_answer"]
    for entry in manifest.done:
        assert hashlib.sha256((tmp_path / entry.file).read_bytes()).hexdigest() == entry.sha256


async def test_a_lost_server_ends_the_run_with_its_own_error(tmp_path: Path, connect: Connect) -> None:
    manifest = Manifest(tmp_path, batch("a", "b", "c"))

    with pytest.raises(ServerUnreachableError):
        await run(connect("http://127.0.0.1:9"), manifest, quiet(), 2)

    assert (manifest.done, manifest.failed, len(manifest.todo)) == ([], [], 3)


async def test_a_folder_that_cannot_be_written_ends_the_run(tmp_path: Path, connect: Connect) -> None:
    (tmp_path / "0.wav").mkdir()

    with pytest.raises(OSError, match=r"0\.wav"):
        await run(connect(FakeServer()), Manifest(tmp_path, batch("a", "b")), quiet(), 1)
