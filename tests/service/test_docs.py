"""The commands of README.md and docs/, typed as they stand there, against a running server."""

import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import soundfile

from tests.service.server import ROOT, Server

SNIPPET = re.compile(r"^```(bash|python)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
SNIPPETS = {
    f"{page.stem}-{number}": (language, code)
    for page in PAGES
    for number, (language, code) in enumerate(SNIPPET.findall(page.read_text()), 1)
    if "localhost:3000" in code
}

# Machines that run tests have no loudspeakers: players are replaced by programs that write files.
FFPLAY = """#!/bin/sh
cat > played.mp3
"""
SOUNDDEVICE = """
import soundfile

class RawOutputStream(soundfile.SoundFile):
    def __init__(self, rate, channels, dtype):
        super().__init__("played.wav", "w", rate, channels, {"int16": "PCM_16"}[dtype])

    def write(self, data):
        self.buffer_write(data, "int16")
"""


@pytest.fixture
def shell(server: Server, tmp_path: Path) -> dict[str, object]:
    """Run in a folder of its own, by the virtual environment's own programs."""
    (tmp_path / "ffplay").write_text(FFPLAY)
    (tmp_path / "ffplay").chmod(0o755)
    (tmp_path / "sounddevice.py").write_text(SOUNDDEVICE)
    environ = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{tmp_path}:{os.environ['PATH']}"}
    return {"cwd": tmp_path, "env": environ, "timeout": 120, "capture_output": True, "text": True}


def test_readme_and_requests_have_curl_and_python() -> None:
    for page in ("README", "requests"):
        languages = {language for name, (language, _) in SNIPPETS.items() if name.startswith(page)}
        assert languages == {"bash", "python"}


@pytest.mark.parametrize(("language", "code"), SNIPPETS.values(), ids=SNIPPETS)
def test_snippets_run(server: Server, shell: dict[str, object], tmp_path: Path, language: str, code: str) -> None:
    websocket = server.url.replace("http", "ws", 1)
    code = code.replace("http://localhost:3000", server.url).replace("ws://localhost:3000", websocket)
    code = code.replace("localhost:3000", server.url)
    command = ["bash", "-euo", "pipefail", "-c", code] if language == "bash" else [sys.executable, "-c", code]
    done = subprocess.run(command, check=False, **shell)  # type: ignore[call-overload]
    assert done.returncode == 0, done.stderr
    if "client.long" in code:
        assert zipfile.is_zipfile(tmp_path / "hello.zip")
        return
    sounds = [path for path in tmp_path.iterdir() if path.suffix in (".mp3", ".wav", ".flac")]
    assert sounds
    for path in sounds:
        samples, rate = soundfile.read(path)
        assert rate == 24000
        assert len(samples) / rate > 0.5
        assert abs(samples).max() > 0.02
    if language == "bash" and "segmented" in code:
        assert "x-segments: [[0.0," in (tmp_path / "headers.txt").read_text().lower()


def test_the_client_is_told_what_is_wrong(server: Server) -> None:
    import bentoml
    from bentoml.exceptions import BentoMLException

    with (
        bentoml.SyncHTTPClient(server.url) as client,
        pytest.raises(BentoMLException, match="There is no voice 'nobody'"),
    ):
        client.simple(text="Hé!", voice="nobody")


def test_make_lists_its_targets() -> None:
    done = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, check=True)
    for target in ("serve", "test", "lint", "batch"):
        assert re.search(rf"^{target}\s+\w", done.stdout, re.MULTILINE)
