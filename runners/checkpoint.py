"""A checkpoint folder in the XTTS-v2 layout, loaded by upstream's own code. One per process."""

import logging
from dataclasses import dataclass
from pathlib import Path

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
        xtts = Xtts(config)
        xtts.load_checkpoint(config, checkpoint_dir=folder, eval=True)
    except Exception as error:  # upstream raises whatever its parsers do: the operator needs the folder's name
        raise ConfigurationError(f"XTTS_MODEL: {folder} does not load as an XTTS-v2 checkpoint: {error}") from error
    return xtts.to(device)


def sampling_defaults(xtts: Xtts) -> Defaults:
    """From config.json: the arguments' own defaults in upstream's `inference` are others."""
    config = xtts.config
    return Defaults(config.temperature, config.top_k, config.top_p, float(config.repetition_penalty))


def choose_device(name: str, worker: int) -> torch.device:
    """`auto` takes CUDA where there is any. Workers (counted from 0) take one GPU each, in turn."""
    if name == "cpu" or (name == "auto" and not torch.cuda.is_available()):
        return torch.device("cpu")
    if not torch.cuda.is_available():
        raise ConfigurationError(f"XTTS_DEVICE={name}: this machine has no CUDA device; set XTTS_DEVICE=cpu or auto")
    count = torch.cuda.device_count()
    index = int(name.partition(":")[2] or worker % count) if name != "auto" else worker % count
    if index >= count:
        raise ConfigurationError(f"XTTS_DEVICE={name}: this machine has {count} CUDA devices, counted from 0")
    return torch.device("cuda", index)
