import json
from pathlib import Path

import pytest

from runners.errors import ConfigurationError
from runners.models.checkpoint_files import check_checkpoint


def checkpoint(folder: Path, config: object) -> Path:
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "vocab.json").write_text("{}")
    (folder / "model.pth").write_bytes(b"a pickle")
    return folder


def test_v2(tmp_path: Path) -> None:
    check_checkpoint(checkpoint(tmp_path, {"model_args": {"gpt_use_perceiver_resampler": True}}))


@pytest.mark.parametrize(
    "config", [[], None, "xtts", {}, {"model_args": None}, {"model_args": []}, {"model_args": {"gpt_layers": 30}}]
)
def test_config_of_something_else(tmp_path: Path, config: object) -> None:
    with pytest.raises(ConfigurationError, match="is not XTTS v2"):
        check_checkpoint(checkpoint(tmp_path, config))


@pytest.mark.parametrize("name", ["config.json", "vocab.json", "model.pth"])
def test_half_a_file(tmp_path: Path, name: str) -> None:
    (checkpoint(tmp_path, {}) / name).write_bytes(b"PK{")
    with pytest.raises(ConfigurationError, match="does not hold a whole checkpoint"):
        check_checkpoint(tmp_path)
