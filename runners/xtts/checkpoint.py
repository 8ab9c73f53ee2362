"""A checkpoint folder in the XTTS-v2 layout, loaded by upstream's own code. One per process."""

import logging
import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from TTS.tts.configs.xtts_config import XttsConfig
from TTS.tts.models.xtts import Xtts

from runners.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class Defaults:
    """The checkpoint's own sampling settings, for what a request leaves out."""

    temperature: float
    top_k: int
    top_p: float
    repetition_penalty: float


def load_checkpoint(folder: Path, device: torch.device) -> Xtts:
    """Raises ConfigurationError when the folder does not hold a checkpoint that upstream can load."""
    logging.getLogger("transformers").setLevel(logging.ERROR)  # it warns of ids that XTTS does not use
    config = XttsConfig()
    try:
        config.load_json(str(folder / "config.json"))
        xtts = _MappedXtts(config)
        xtts.load_checkpoint(config, checkpoint_dir=folder, eval=True)
    except Exception as error:  # upstream raises whatever its parsers do: the operator needs the folder's name
        raise ConfigurationError(f"XTTS_MODEL: {folder} does not load as an XTTS-v2 checkpoint: {error}") from error
    return xtts.to(device)


class _MappedXtts(Xtts):
    """Upstream's model, which maps the checkpoint's file where upstream reads it: it is not in memory twice."""

    def _load_checkpoint(self, model_path: Path) -> dict[str, Any]:
        checkpoint: dict[str, Any]
        try:
            checkpoint = torch.load(model_path, map_location="cpu", mmap=True, weights_only=True)["model"]
        except (RuntimeError, pickle.UnpicklingError):  # not a zip archive, or with more in it than tensors
            checkpoint = super()._load_checkpoint(model_path)
        return checkpoint


def sampling_defaults(xtts: Xtts) -> Defaults:
    """From config.json: the arguments' own defaults in upstream's `inference` are others."""
    config = xtts.config
    return Defaults(config.temperature, config.top_k, config.top_p, float(config.repetition_penalty))


def choose_device(name: str, worker: int, gpus: int) -> torch.device:
    """`auto` takes CUDA where there is any. Workers, counted from 0, take a GPU each.

    Raises ConfigurationError when there is no such GPU, or none left for this worker.
    """
    if name == "cpu" or (name == "auto" and not gpus):
        return torch.device("cpu")
    _, _, number = name.partition(":")
    index = int(number) if number else worker
    if not gpus:
        raise ConfigurationError(f"XTTS_DEVICE={name}: there is no CUDA device here; set XTTS_DEVICE=cpu or auto")
    if index >= gpus:
        variable = f"XTTS_DEVICE={name}" if number else f"XTTS_WORKERS={worker + 1} or more"
        raise ConfigurationError(f"{variable}: there are {gpus} CUDA devices here, counted from 0")
    return torch.device("cuda", index)
