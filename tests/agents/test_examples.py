"""The examples for agents, run as they are by the packages that they are for, and interrupted. `make test-agents`."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
import soundfile

from tests.service.server import ROOT, Server, serving

PYTHON = os.environ.get("AGENTS_PYTHON", str(ROOT / ".venv" / "agents" / "bin" / "python"))
EXAMPLES = ROOT / "examples"
HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    environ = {"XTTS_MODEL": "demo", "XTTS_VOICES_DIR": str(ROOT / "references")}
    with serving(tmp_path_factory.mktemp("server"), environ) as running:
        yield running


def run(*command: object) -> str:
    environ = {**os.environ, "PYTHONPATH": str(EXAMPLES)}
    done = subprocess.run(
        [PYTHON, *map(str, command)], env=environ, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr, done.stderr
    return done.stdout


def websocket(server: Server) -> str:
    return server.url.replace("http", "ws")


@pytest.mark.parametrize("framework", ["pipecat", "livekit"])
def test_the_story_is_told(server: Server, tmp_path: Path, framework: str) -> None:
    file = tmp_path / "story.wav"
    run(EXAMPLES / f"{framework}_live.py", "--server", websocket(server), "--output", file)
    samples, rate = soundfile.read(file)
    assert rate == 24_000
    assert 4 < len(samples) / rate < 12
    assert np.abs(samples).max() > 0.1


@pytest.mark.parametrize("framework", ["pipecat", "livekit"])
def test_it_is_interrupted(server: Server, framework: str) -> None:
    before = cancellations(server)
    whole, other = json.loads(run(HERE / f"interrupted_{framework}.py", websocket(server)).splitlines()[-1])
    assert whole < 20  # of about a minute
    assert 0.3 < other < 4
    assert cancellations(server) > before
    assert server.slots()["live"] == 0


def cancellations(server: Server) -> float:
    lines = httpx.get(f"{server.url}/metrics").raise_for_status().text.splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith("xtts_cancellations_total"))
