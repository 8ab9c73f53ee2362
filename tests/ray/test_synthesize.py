"""examples/ray on two local actors: a run, one that loses an actor, one that is broken off and goes on."""

import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from tests.service.server import ROOT

PYTHON = os.environ.get("RAY_PYTHON", str(ROOT / ".venv" / "ray" / "bin" / "python"))
ROWS = 40
ACTOR = b"MapWorker(MapBatches(Speech))"


def texts(folder: Path) -> Path:
    file = folder / "texts.jsonl"
    rows = [{"id": f"line-{n}", "text": f"This is line number {n}.", "language": "en"} for n in range(ROWS)]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return file


def begin(texts: Path, speech: Path, rows: int = 256) -> subprocess.Popen[str]:
    code = f"from examples.ray import synthesize; synthesize.ROWS = {rows}; synthesize.main()"
    return subprocess.Popen(
        [PYTHON, "-c", code, str(texts), str(speech), "--actors", "2"],
        cwd=ROOT,
        env={**os.environ, "XTTS_MODEL": "demo", "PYTHONPATH": str(ROOT), "RAY_USAGE_STATS_ENABLED": "0"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def finish(run: subprocess.Popen[str]) -> None:
    output, _ = run.communicate(timeout=600)
    assert run.returncode == 0, output


def manifest(speech: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for file in (speech / "manifest").glob("*.json") for line in file.read_text().splitlines()]


def audio(speech: Path) -> dict[str, bytes]:
    return {file.stem: file.read_bytes() for file in (speech / "audio").iterdir()}


def wait_for(condition: Any) -> None:
    end = time.monotonic() + 300
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def actors() -> list[int]:
    """Their processes, once they have something to do."""
    names = {int(path.parent.name): path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if path.exists()}
    return [pid for pid, name in names.items() if name.startswith(b"ray::" + ACTOR)]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    speech = tmp_path_factory.mktemp("undisturbed") / "speech"
    finish(begin(texts(speech.parent), speech))
    return speech


def test_every_row_has_its_file_once(undisturbed: Path) -> None:
    rows = manifest(undisturbed)
    assert sorted(row["id"] for row in rows) == sorted(f"line-{n}" for n in range(ROWS))
    assert all(row["duration"] > 0 and row["error"] is None for row in rows)
    assert {Path(row["file"]).stem for row in rows} == audio(undisturbed).keys()
    assert len(set(audio(undisturbed).values())) == ROWS


def test_a_row_that_is_wrong_fails_alone(tmp_path: Path) -> None:
    file = texts(tmp_path)
    wrong = ['{"id": "bad", "text": "Hello.", "language": "xx"}', '{"id": "../up", "text": "Hello.", "language": "en"}']
    file.write_text("\n".join([*wrong, *file.read_text().splitlines()[:1], ""]))
    finish(begin(file, tmp_path / "speech"))
    errors = {row["id"]: row["error"] for row in manifest(tmp_path / "speech")}
    assert errors["line-0"] is None
    assert "xx" in errors["bad"]
    assert "name the row's file" in errors["../up"]


def test_an_actor_that_dies_costs_nothing(undisturbed: Path, tmp_path: Path) -> None:
    run = begin(texts(tmp_path), tmp_path / "speech", rows=10)
    wait_for(lambda: (tmp_path / "speech" / "audio").exists() and len(audio(tmp_path / "speech")) > 2)
    os.kill(actors()[0], signal.SIGKILL)
    finish(run)
    assert sorted(row["id"] for row in manifest(tmp_path / "speech")) == sorted(f"line-{n}" for n in range(ROWS))
    assert audio(tmp_path / "speech") == audio(undisturbed)


def test_a_run_that_was_broken_off_goes_on(undisturbed: Path, tmp_path: Path) -> None:
    speech = tmp_path / "speech"
    run = begin(texts(tmp_path), speech, rows=5)
    wait_for(lambda: (speech / "manifest").exists() and len(manifest(speech)) >= 5)
    os.killpg(run.pid, signal.SIGKILL)
    run.communicate()
    before = {file: file.stat().st_mtime_ns for file in (speech / "audio").iterdir()}
    known = {row["id"] for row in manifest(speech)}
    finish(begin(texts(tmp_path), speech))
    assert sorted(row["id"] for row in manifest(speech)) == sorted(f"line-{n}" for n in range(ROWS))
    assert audio(speech) == audio(undisturbed)
    assert all(file.stat().st_mtime_ns == at for file, at in before.items() if file.stem in known)
