"""The same tensors are the same checkpoint, in whatever file; one number that differs makes another."""

from pathlib import Path

import pytest
import torch
from TTS.tts.configs.xtts_config import XttsConfig
from TTS.tts.models.xtts import Xtts

from runners.checkpoint.look import look_at
from runners.xtts.identity import checkpoint_identity
from tests import checkpoints


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "tuned"
    folder.mkdir()
    return folder


def test_what_upstream_has_rewritten_is_the_same(hum: Path, folder: Path) -> None:
    checkpoints.official(hum, folder)
    official, bytes_before = checkpoint_identity(look_at(folder)), (folder / "model.pth").read_bytes()
    config = XttsConfig()
    config.load_json(str(folder / "config.json"))
    Xtts(config).load_checkpoint(config, checkpoint_dir=folder, eval=True)
    assert (folder / "model.pth").read_bytes() != bytes_before
    assert checkpoint_identity(look_at(folder)) == official


@pytest.mark.parametrize("with_checksums", [True, False])
def test_a_number_that_differs(hum: Path, folder: Path, with_checksums: bool) -> None:
    """Archives may be written without checksums; the content is read then."""
    checkpoints.copy(hum, folder, "model.pth")
    tensors = checkpoints.weights(hum)
    identities = set()
    torch.serialization.set_crc32_options(with_checksums)
    try:
        for value in (0.0, 1.0):
            tensors["gpt.final_norm.bias"][-1] = value
            torch.save({"model": tensors}, folder / "model.pth")
            identities.add(checkpoint_identity(look_at(folder)))
    finally:
        torch.serialization.set_crc32_options(True)
    assert len(identities) == 2


def test_written_without_checksums_it_is_the_same(hum: Path, folder: Path) -> None:
    checkpoints.copy(hum, folder, "model.pth")
    torch.serialization.set_crc32_options(False)
    try:
        torch.save({"model": checkpoints.weights(hum)}, folder / "model.pth")
    finally:
        torch.serialization.set_crc32_options(True)
    assert checkpoint_identity(look_at(folder)) == checkpoint_identity(look_at(hum))
