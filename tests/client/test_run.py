"""One run against a real server: so many samples at once, failures that stop nothing, errors that do."""

import hashlib
from pathlib import Path

import pytest

from api.jobs.schemas import Sample
from client.output import Output
from client.run import Run
from client.server import ServerUnreachable
from tests.client.conftest import Connect
from tests.client.fake_server import FakeServer


def batch(folder: Path, *texts: str) -> Output:
    return Output(folder, [Sample(id=str(i), text=text, output_format="wav") for i, text in enumerate(texts)])


@pytest.mark.parametrize("concurrency", [1, 3])
async def test_so_many_samples_at_once_and_each_once(tmp_path: Path, connect: Connect, concurrency: int) -> None:
    server, output = FakeServer(slowness=0.1), batch(tmp_path, *"abcdefgh")

    await Run(connect(server), output, concurrency).all()

    assert server.at_once == concurrency
    assert sorted(server.texts()) == list("abcdefgh")
    assert [entry.text for entry in output.manifest.samples] == list("abcdefgh")


async def test_a_failed_sample_does_not_stop_the_rest(
    tmp_path: Path, connect: Connect, capsys: pytest.CaptureFixture[str]
) -> None:
    output = batch(tmp_path, "a", "!wrong", "b", "!crash", "c", "!html", "!busy", "d")
    run = Run(connect(FakeServer()), output, 2)

    await run.all()

    entries = output.manifest.samples
    assert [entry.text for entry in entries if entry.file] == ["a", "b", "c", "!busy", "d"]
    assert [entry.error.type for entry in entries if entry.error] == ["unknown_voice", "connection", "bad_answer"]
    for entry in entries:
        if entry.file:
            assert hashlib.sha256((tmp_path / entry.file).read_bytes()).hexdigest() == entry.sha256
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition("]")[0] for line in lines] == [f"[{number}/8" for number in range(1, 9)]
    assert sum("HTTP 404 unknown_voice: voice: no voice 'nobody'; see GET /voices" in line for line in lines) == 1
    summary = run.summary().splitlines()
    assert summary[0].startswith("5 generated: 0.60 s audio  ")
    assert summary[1] == "3 failed:"
    assert len(summary) == 5


async def test_a_lost_server_ends_the_run_with_its_own_error(tmp_path: Path, connect: Connect) -> None:
    output = batch(tmp_path, "a", "b", "c")

    with pytest.raises(ServerUnreachable):
        await Run(connect("http://127.0.0.1:9"), output, 2).all()

    assert (output.manifest.samples, len(output.todo)) == ([], 3)


async def test_a_folder_that_cannot_be_written_ends_the_run(tmp_path: Path, connect: Connect) -> None:
    (tmp_path / "0.wav").mkdir()

    with pytest.raises(OSError, match=r"0\.wav"):
        await Run(connect(FakeServer()), batch(tmp_path, "a", "b"), 1).all()
