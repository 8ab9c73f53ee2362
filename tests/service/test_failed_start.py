"""A model that cannot be served ends `bentoml serve` with one line that says why, and with a failing exit code."""

import subprocess
from pathlib import Path

import pytest
import torch

from tests import checkpoints
from tests.service.server import free_port, start


@pytest.fixture
def model(hum: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "tuned"
    folder.mkdir()
    checkpoints.copy(hum, folder)
    return folder


def failed(tmp_path: Path, model: Path) -> list[str]:
    """What the server wrote until it ended."""
    environ = {"XTTS_MODEL": str(model), "XTTS_CACHE_DIR": str(tmp_path / "cache"), "XTTS_LOG_FORMAT": "text"}
    server = start(tmp_path, environ, free_port())
    try:
        assert server.process.wait(timeout=180) == 1
    except subprocess.TimeoutExpired:
        server.process.kill()
        raise
    return server.log.read_text().splitlines()


def test_what_a_look_tells(tmp_path: Path, model: Path) -> None:
    (model / "model.pth").write_bytes(b"<!DOCTYPE html>")
    assert failed(tmp_path, model) == [
        f"XTTS_MODEL: {model}: model.pth is a web page, not the file: on the hub, the file's own address has /resolve/"
        " in it."
    ]


def test_what_only_loading_tells(tmp_path: Path, model: Path) -> None:
    tensors = checkpoints.weights(model)
    tensors["gpt.final_norm.bias"] = torch.zeros(3)
    torch.save({"model": tensors}, model / "model.pth")
    lines = failed(tmp_path, model)
    assert "Traceback (most recent call last):" not in "\n".join(lines)
    (reason,) = [line for line in lines if str(model) in line]
    assert f"XTTS_MODEL: {model}: model.pth: gpt.final_norm.bias is [3], and not [" in reason
