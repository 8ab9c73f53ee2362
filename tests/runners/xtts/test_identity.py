"""Two checkpoints are the same exactly if their configuration and their weights are."""

import pickle
from pathlib import Path

import pytest
import torch

from runners.xtts.identity import checkpoint_identity


def checkpoint(folder: Path, weights: dict[str, torch.Tensor], config: str = "{}") -> Path:
    folder.mkdir()
    (folder / "config.json").write_text(config)
    torch.save({"model": weights}, folder / "model.pth")
    return folder


def weights(seed: int = 0) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return {name: torch.randn(64, 64, generator=generator) for name in ("gpt.a", "gpt.b", "speaker.c")}


def test_the_same_content_is_the_same_checkpoint(tmp_path: Path) -> None:
    one, other = checkpoint(tmp_path / "one", weights()), checkpoint(tmp_path / "other", weights())
    assert checkpoint_identity(one) == checkpoint_identity(other)
    assert len(checkpoint_identity(one)) == 64


@pytest.mark.parametrize("name", ["gpt.a", "gpt.b", "speaker.c"])
def test_one_number_makes_another_checkpoint(tmp_path: Path, name: str) -> None:
    changed = weights()
    changed[name][63, 63] += 1
    one, other = checkpoint(tmp_path / "one", weights()), checkpoint(tmp_path / "other", changed)
    assert checkpoint_identity(one) != checkpoint_identity(other)


def test_another_configuration_makes_another_checkpoint(tmp_path: Path) -> None:
    one, other = (
        checkpoint(tmp_path / "one", weights()),
        checkpoint(tmp_path / "other", weights(), '{"a": 1}'),
    )
    assert checkpoint_identity(one) != checkpoint_identity(other)


def test_an_archive_without_checksums_is_hashed_whole(tmp_path: Path) -> None:
    changed = weights()
    changed["gpt.b"][5, 5] += 1
    torch.serialization.set_crc32_options(False)
    try:
        one, other = checkpoint(tmp_path / "one", weights()), checkpoint(tmp_path / "other", changed)
    finally:
        torch.serialization.set_crc32_options(True)
    assert checkpoint_identity(one) != checkpoint_identity(other)


def test_a_pickle_of_old_is_hashed_whole(tmp_path: Path) -> None:
    one, other = checkpoint(tmp_path / "one", weights()), checkpoint(tmp_path / "other", weights())
    (one / "model.pth").write_bytes(pickle.dumps([1, 2, 3]))
    (other / "model.pth").write_bytes(pickle.dumps([1, 2, 4]))
    assert checkpoint_identity(one) != checkpoint_identity(other)


def test_a_folder_that_is_no_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        checkpoint_identity(tmp_path)
