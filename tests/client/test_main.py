"""The command as users run it: what it writes, what it says, and how it exits."""

import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from client.__main__ import main
from client.options import KEY_VARIABLE, Exit
from tests.client.conftest import Serve
from tests.client.fake_server import FakeServer, sound

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "input_samples.json"
# The command with a server of its own that needs no model.
WITH_FAKE = """
import sys
from client.__main__ import main
fake = [sys.executable, "-m", "tests.client.fake_server", "--slowness", "0.3", "--loading", "2", "--port"]
sys.exit(main(sys.argv[1:], lambda port: [*fake, str(port)]))
"""


@pytest.fixture(autouse=True)
def _terminate_as_before() -> Iterator[None]:
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


def write(folder: Path, *texts: str, **defaults: Any) -> Path:
    path = folder / "batch.json"
    samples = [{"id": f"s{i}", "text": text} for i, text in enumerate(texts)]
    path.write_text(json.dumps({"defaults": {"output_format": "wav", **defaults}, "samples": samples}))
    return path


def command(*arguments: str | Path, program: Sequence[str] = ("-m", "client")) -> list[str]:
    return [sys.executable, *program, *map(str, arguments)]


def cli(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    env = {name: value for name, value in os.environ.items() if name != KEY_VARIABLE} | environment
    return subprocess.run(command(*arguments), cwd=ROOT, env=env, capture_output=True, text=True, timeout=60)


def manifest(folder: Path) -> Any:
    return json.loads((folder / "manifest.json").read_text(encoding="utf-8"))


def check_files(folder: Path) -> list[str]:
    """The ids that are done; their files are there with their hashes, and nothing half-written is."""
    assert not list(folder.glob(".*"))
    done = [entry for entry in manifest(folder)["samples"] if "error" not in entry]
    for entry in done:
        data = (folder / entry["file"]).read_bytes()
        assert (len(data), hashlib.sha256(data).hexdigest()) == (entry["bytes"], entry["sha256"])
    return [entry["id"] for entry in done]


def test_the_five_samples_go_there_and_back(tmp_path: Path, serve: Serve) -> None:
    out = tmp_path / "new" / "folder"

    result = cli(EXAMPLE, "--server", serve(FakeServer()), "--output", out)

    assert (result.returncode, result.stderr) == (Exit.DONE, "")
    assert check_files(out) == ["001", "002", "003", "004", "005"]
    source = json.loads(EXAMPLE.read_text(encoding="utf-8"))
    for sample, entry in zip(source["samples"], manifest(out)["samples"], strict=True):
        request = {**source["defaults"], **sample, "trim_silence": "segments" in sample}
        del request["id"]
        assert (out / f"{sample['id']}.mp3").read_bytes() == sound(request, entry["seed"], entry["duration"])
        assert entry.get("text") == sample.get("text")
        assert entry.get("segments") == sample.get("segments")
        assert f"{sample['id']}  {entry['duration']:.2f} s audio  " in result.stdout
    assert manifest(out)["samples"][2]["spans"][1][0] == pytest.approx(50 / 15 + 0.5)
    assert manifest(out)["totals"]["duration"] == pytest.approx(32.73, abs=0.01)
    assert "[5/5]" in result.stdout
    assert "5 of 5 samples are in" in result.stdout


def test_a_wrong_file_is_refused_before_anything_is_done(tmp_path: Path, serve: Serve) -> None:
    server = FakeServer()
    path = tmp_path / "wrong.json"
    path.write_text('{"samples": [\n {"id": "a", "text": "x"},\n {"id": "a", "txt": "x"}\n]}')

    result = cli(path, "--server", serve(server), "--output", tmp_path / "out")

    assert result.returncode == Exit.BAD_INPUT
    lines = result.stderr.splitlines()
    assert [line.split(": ")[:2] for line in lines[:-1]] == [
        [f"{path}:3:9", "$.samples[1].id"],
        [f"{path}:3:14", "$.samples[1].txt"],
    ]
    assert lines[-1] == "2 to put right; nothing was generated"
    assert not server.seen
    assert not (tmp_path / "out").exists()


def test_what_the_server_lacks_is_refused_before_anything_is_generated(tmp_path: Path, serve: Serve) -> None:
    server = FakeServer()
    path = tmp_path / "wrong.json"
    path.write_text('{"samples": [\n {"id": "a", "text": "x"},\n {"id": "b", "text": "x", "style": "questoin"}\n]}')

    result = cli(path, "--server", serve(server), "--output", tmp_path / "out")

    assert result.returncode == Exit.BAD_INPUT
    message = '$.samples[1].style: voice "default" has no style "questoin"; did you mean "question"?'
    assert result.stderr.splitlines() == [f"{path}:3:36: {message}", "1 to put right; nothing was generated"]
    assert not server.seen
    assert not (tmp_path / "out" / "manifest.json").exists()


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    result = cli(tmp_path / "none.json")

    assert result.returncode == Exit.BAD_INPUT
    assert result.stderr.startswith(f"There is no file {tmp_path / 'none.json'}")
    assert "examples/input_samples.json" in result.stderr


def test_a_folder_instead_of_a_file(tmp_path: Path) -> None:
    result = cli(tmp_path)

    assert result.returncode == Exit.BAD_INPUT
    assert result.stderr.startswith(f"{tmp_path} is a folder; name a batch file")


def test_failed_samples_are_told_at_the_end_and_resume_takes_them_up(tmp_path: Path, serve: Serve) -> None:
    server = FakeServer(refusals=1)
    url, out = serve(server), tmp_path / "out"

    result = cli(write(tmp_path, "a", "!wrong", "!busy", "b"), "--server", url, "--output", out)

    assert result.returncode == Exit.SOME_FAILED
    assert check_files(out) == ["s0", "s2", "s3"]
    assert result.stdout.splitlines()[-3:] == [
        "1 failed:",
        "  s1  HTTP 404 unknown_voice: voice: no voice 'nobody'; see GET /voices",
        f"3 of 4 samples are in {out}",
    ]

    server.seen.clear()
    again = [
        str(write(tmp_path, "a", "right", "!busy", "b")),
        "--server",
        url,
        "--output",
        str(out),
        "--resume",
    ]
    assert main(again) == Exit.DONE
    assert server.texts() == ["right"]
    assert check_files(out) == ["s0", "s1", "s2", "s3"]


def test_resume_does_again_what_changed_or_broke_and_nothing_else(
    tmp_path: Path, serve: Serve, capsys: pytest.CaptureFixture[str]
) -> None:
    server, out = FakeServer(), tmp_path / "out"
    options = ["--server", serve(server), "--output", str(out)]
    main([str(write(tmp_path, "same", "old", "gone", "damaged")), *options])
    seed = manifest(out)["samples"][0]["seed"]
    (out / "s2.wav").unlink()
    (out / "s3.wav").write_bytes(b"RIFF")
    server.seen.clear()

    code = main([str(write(tmp_path, "same", "new", "gone", "damaged", "more")), *options, "--resume"])

    assert code == Exit.DONE
    assert sorted(server.texts()) == ["damaged", "gone", "more", "new"]
    assert check_files(out) == ["s0", "s1", "s2", "s3", "s4"]
    assert manifest(out)["samples"][0]["seed"] == seed
    assert "1 of 5 samples are already right" in capsys.readouterr().out


def test_resume_with_nothing_to_do_needs_no_server(tmp_path: Path, serve: Serve) -> None:
    arguments = [str(write(tmp_path, "a")), "--output", str(tmp_path / "out")]
    main([*arguments, "--server", serve(FakeServer())])

    def no_server(port: int) -> Sequence[str]:
        raise AssertionError

    assert main([*arguments, "--resume"], no_server) == Exit.DONE
    assert check_files(tmp_path / "out") == ["s0"]


def test_another_format_is_another_request(tmp_path: Path, serve: Serve) -> None:
    server = FakeServer()
    arguments = [str(write(tmp_path, "a")), "--output", str(tmp_path), "--server", serve(server), "--resume"]
    main(arguments)

    assert main([*arguments, "--format", "flac"]) == Exit.DONE

    assert [body["output_format"] for body in server.seen] == ["wav", "flac"]
    assert manifest(tmp_path)["samples"][0]["file"] == "s0.flac"


def test_resume_over_a_broken_manifest_does_everything(
    tmp_path: Path, serve: Serve, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "manifest.json").write_text("{")

    assert main(
        [str(write(tmp_path, "a")), "--output", str(tmp_path), "--server", serve(FakeServer()), "--resume"]
    ) == (Exit.DONE)

    assert "every sample is generated again" in capsys.readouterr().out
    assert check_files(tmp_path) == ["s0"]


def test_without_resume_everything_is_done_again(tmp_path: Path, serve: Serve) -> None:
    server = FakeServer()
    arguments = [str(write(tmp_path, "a")), "--output", str(tmp_path / "out"), "--server", serve(server)]

    assert [main(arguments), main(arguments)] == [Exit.DONE, Exit.DONE]

    assert server.texts() == ["a", "a"]


def test_the_key_comes_from_the_environment(tmp_path: Path, serve: Serve) -> None:
    server = FakeServer(key="secret")
    arguments = [write(tmp_path, "a"), "--output", tmp_path / "out", "--server", serve(server)]

    without, with_key = cli(*arguments), cli(*arguments, XTTS_API_KEY="secret")

    assert (without.returncode, with_key.returncode) == (Exit.NO_SERVER, Exit.DONE)
    assert "wants a key (HTTP 401); set XTTS_API_KEY" in without.stderr
    assert server.keys == ["Bearer secret"]


def test_no_proxy_stands_before_this_machine(tmp_path: Path, serve: Serve) -> None:
    arguments = (write(tmp_path, "a"), "--output", tmp_path / "out", "--server", serve(FakeServer()))

    result = cli(*arguments, HTTP_PROXY="http://127.0.0.1:9", http_proxy="http://127.0.0.1:9", NO_PROXY="", no_proxy="")

    assert result.returncode == Exit.DONE, result.stderr


def test_a_server_that_is_not_there(tmp_path: Path) -> None:
    with socket.socket() as probe:  # bound, but nobody listens
        probe.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{probe.getsockname()[1]}"
        result = cli(write(tmp_path, "a"), "--server", url, "--output", tmp_path)

    assert result.returncode == Exit.NO_SERVER
    assert result.stderr.startswith(f"{url} does not answer")
    assert not (tmp_path / "manifest.json").exists()  # one of an earlier run would still hold


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        [str(EXAMPLE.with_name("none.json"))],
        [str(EXAMPLE.parent)],
        [str(EXAMPLE), "--concurrency", "0"],
        [str(EXAMPLE), "--concurrency", "many"],
        [str(EXAMPLE), "--timeout", "nan"],
        [str(EXAMPLE), "--wait", "-1"],
        [str(EXAMPLE), "--format", "ogg"],
        [str(EXAMPLE), "--server", "localhost:3000"],
        [str(EXAMPLE), "--server", "http://"],
        [str(EXAMPLE), "--server", "http://[::1"],
        [str(EXAMPLE), "--output", str(EXAMPLE)],
    ],
)
def test_wrong_usage_has_its_code_and_a_word(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    try:
        code = main(arguments)
    except SystemExit as end:
        code = Exit(end.code)

    assert code == Exit.BAD_INPUT
    assert capsys.readouterr().err.strip()


def test_help_tells_options_environment_files_and_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["--help"])

    shown = capsys.readouterr().out
    assert end.value.code == 0
    for word in ("--resume", "--server", "XTTS_API_KEY", "manifest.json", "server.log", "130"):
        assert word in shown


# With a server of its own


def assert_nobody_listens(log: Path) -> None:
    said, _, port = log.read_text().splitlines()[0].rpartition(" ")
    assert said == "the fake server speaks on port"
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", int(port))).close()


def own(*arguments: str) -> Any:
    return lambda port: [sys.executable, "-m", "tests.client.fake_server", "--port", str(port), *arguments]


def test_without_a_server_it_starts_one(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    code = main([str(write(tmp_path, "a", "b")), "--output", str(tmp_path)], own("--loading", "1"))

    assert code == Exit.DONE
    assert check_files(tmp_path) == ["s0", "s1"]
    assert "is starting, waiting" in capfd.readouterr().out
    assert_nobody_listens(tmp_path / "server.log")


def test_a_server_that_does_not_start_is_told_with_its_log(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = main([str(write(tmp_path, "a")), "--output", str(tmp_path)], own("--no-such-option"))

    assert code == Exit.NO_SERVER
    shown = capsys.readouterr().err
    assert "The server ended with status 2" in shown
    assert "unrecognized arguments: --no-such-option" in shown


def test_a_server_that_dies_in_mid_run_leaves_what_is_done(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path, "a", "b", "!die", "c")
    arguments = [str(path), "--output", str(tmp_path), "--concurrency", "1"]

    assert main(arguments, own()) == Exit.NO_SERVER

    assert check_files(tmp_path) == ["s0", "s1"]
    totals = manifest(tmp_path)["totals"]
    assert (totals["done"], totals["failed"], totals["pending"]) == (2, 0, 2)
    shown = capsys.readouterr().err
    assert "does not answer any more" in shown
    assert "ended with status 7" in shown
    assert "--resume" in shown


# Interrupted


def hear_interrupts() -> None:
    """A shell's background jobs, and what they start, do not."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def after_two_samples(process: subprocess.Popen[str], number: int) -> str:
    """Sends the signal once two samples are done; gives what was printed. It must not take long to end."""
    assert process.stdout is not None
    lines = []
    while not any(line.startswith("[2/") for line in lines):
        lines.append(process.stdout.readline())
        assert lines[-1], "it ended too soon"
    began = time.monotonic()
    process.send_signal(number)
    rest, errors = process.communicate(timeout=30)
    assert time.monotonic() - began < 10.0
    return "".join([*lines, rest, errors])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_keeps_what_is_done_and_stops_the_server(tmp_path: Path, number: int) -> None:
    path, out = write(tmp_path, *"abcdefgh"), tmp_path / "out"
    arguments = (path, "--output", out, "--concurrency", "1")
    process = subprocess.Popen(
        command(*arguments, program=("-c", WITH_FAKE)),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=hear_interrupts,
    )

    shown = after_two_samples(process, number)

    assert process.returncode == Exit.INTERRUPTED, shown
    assert "Interrupted" in shown
    assert "Traceback" not in shown
    done = check_files(out)
    assert done[:2] == ["s0", "s1"]
    assert manifest(out)["totals"]["pending"] == 8 - len(done) > 0
    assert_nobody_listens(out / "server.log")


def test_an_interrupted_run_resumes_where_it_stopped(tmp_path: Path, serve: Serve) -> None:
    server = FakeServer(slowness=0.2)
    url, path, out = serve(server), write(tmp_path, *"abcdef"), tmp_path / "out"
    arguments = [path, "--output", out, "--concurrency", "1", "--server", url]
    process = subprocess.Popen(
        command(*arguments),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=hear_interrupts,
    )
    after_two_samples(process, signal.SIGINT)
    done = check_files(out)
    server.seen.clear()

    assert main([*map(str, arguments), "--resume"]) == Exit.DONE

    assert [f"s{'abcdef'.index(text)}" for text in server.texts()] == [f"s{i}" for i in range(6) if f"s{i}" not in done]
    assert len(check_files(out)) == 6
