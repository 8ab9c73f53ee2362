"""The five samples of the example file through the real command and a real server."""

import hashlib
import json
import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import soundfile

from tests.service.server import ROOT, Server

EXAMPLE = ROOT / "examples" / "input_samples.json"


def batch(*arguments: str, environ: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "client", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=280, check=False, env=environ)


def test_the_five_samples(server: Server, tmp_path: Path) -> None:
    done = batch(str(EXAMPLE), "--server", server.url, "--output", str(tmp_path))
    assert done.returncode == 0, done.stderr
    entries = {entry["id"]: entry for entry in json.loads((tmp_path / "manifest.json").read_text())["samples"]}
    assert sorted(entries) == ["001", "002", "003", "004", "005"]
    for entry in entries.values():
        path = tmp_path / entry["file"]
        assert hashlib.sha256(path.read_bytes()).hexdigest() == entry["sha256"]
        info = soundfile.info(path)
        assert abs(info.duration - entry["duration"]) < 0.01
    spans = entries["003"]["spans"]
    gaps = [round(later[0] - earlier[1], 2) for earlier, later in pairwise(spans)]
    assert gaps == [0.5, 0.5, 0.7, 0.7, 0.7]
    assert round(entries["003"]["duration"] - spans[-1][1], 2) == 0.7


def test_resume_says_nothing_twice(server: Server, tmp_path: Path) -> None:
    arguments = (str(EXAMPLE), "--server", server.url, "--output", str(tmp_path), "--format", "flac")
    assert batch(*arguments).returncode == 0
    before = {path.name: path.stat().st_mtime_ns for path in tmp_path.glob("*.flac")}
    (tmp_path / "002.flac").write_bytes(b"damaged")
    assert batch(*arguments, "--resume").returncode == 0
    after = {path.name: path.stat().st_mtime_ns for path in tmp_path.glob("*.flac")}
    assert {name for name in before if before[name] != after[name]} == {"002.flac"}
    assert soundfile.info(tmp_path / "002.flac").duration > 1


def test_it_starts_a_server_by_itself_when_none_is_given(tmp_path: Path, cache_dir: Path) -> None:
    file = tmp_path / "one.json"
    file.write_text(json.dumps({"samples": [{"id": "one", "text": "Jó napot!"}]}))
    environ = {**os.environ, "XTTS_CACHE_DIR": str(cache_dir), "OMP_NUM_THREADS": "1"}
    done = batch(str(file), "--output", str(tmp_path / "out"), environ=environ)
    assert done.returncode == 0, done.stderr
    assert soundfile.info(tmp_path / "out" / "one.mp3").duration > 0.3


def test_a_wrong_file_is_refused_before_anything_is_said(server: Server, tmp_path: Path) -> None:
    file = tmp_path / "wrong.json"
    file.write_text('{"samples": [\n  {"id": "a", "text": "x"},\n  {"id": "b", "text": "y", "sped": 2}\n]}')
    done = batch(str(file), "--server", server.url, "--output", str(tmp_path / "out"))
    assert done.returncode == 2
    assert "wrong.json:3" in done.stderr
    assert "sped" in done.stderr
    assert not list((tmp_path / "out").glob("*.mp3"))
