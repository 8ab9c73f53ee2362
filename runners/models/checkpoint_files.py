"""The files of a checkpoint, and what can be told of them without loading it. Imports no torch."""

import json
import zipfile
from pathlib import Path

from runners.errors import ConfigurationError

REQUIRED_FILES = ("config.json", "model.pth", "vocab.json")
OPTIONAL_FILES = ("speakers_xtts.pth", "hash.md5", "LICENSE.txt")


def missing_files(folder: Path) -> list[str]:
    return [name for name in REQUIRED_FILES if not (folder / name).is_file()]


def check_checkpoint(folder: Path) -> None:
    """Raises ConfigurationError for a folder that cannot hold XTTS v2."""
    try:
        config = json.loads((folder / "config.json").read_bytes())
        json.loads((folder / "vocab.json").read_bytes())
        with (folder / "model.pth").open("rb") as weights:
            archive = weights.read(2) == b"PK"  # older checkpoints are plain pickles
        if archive:
            zipfile.ZipFile(folder / "model.pth").close()
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise ConfigurationError(f"XTTS_MODEL: {folder} does not hold a whole checkpoint: {error}") from error
    model_args = config.get("model_args") if isinstance(config, dict) else None
    if not isinstance(model_args, dict) or not model_args.get("gpt_use_perceiver_resampler", False):
        raise ConfigurationError(f"XTTS_MODEL: {folder} is not XTTS v2 (gpt_use_perceiver_resampler is not set)")
