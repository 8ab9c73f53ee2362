"""Upstream's model from a checkpoint that was looked at. Upstream's own loading writes to the folder, this does not.

One model per process.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from TTS.tts.configs.xtts_config import XttsConfig

from runners.checkpoint.files import SPEAKERS, VOCABULARY, refusal
from runners.checkpoint.look import Checkpoint
from runners.errors import ConfigurationError
from runners.xtts.mapped import MappedFile, own_memory
from runners.xtts.model import Model


@dataclass(frozen=True, slots=True)
class Defaults:
    """The checkpoint's own sampling settings, for what a request leaves out."""

    temperature: float
    top_k: int
    top_p: float
    repetition_penalty: float


def load_checkpoint(checkpoint: Checkpoint, device: torch.device) -> Model:
    """On a CPU the transformer's weights still lie in the file: whoever builds on them takes or copies them.

    Raises ConfigurationError when its tensors are not all that upstream's model has.
    """
    config = XttsConfig()
    try:
        config.from_dict(checkpoint.config)
        model = Model(config, checkpoint.folder / VOCABULARY)
        _fill(model, checkpoint)
        model.speakers = _speakers(checkpoint)
        model.eval()
    except (OSError, RuntimeError, ValueError, TypeError) as error:
        first, *_ = str(error).strip().splitlines() or [type(error).__name__]
        raise refusal(checkpoint.files, f"{checkpoint.weights} does not load as XTTS-v2 ({first}).") from error
    if device.type != "cpu":
        return model.to(device)
    blocks, model.gpt.gpt.h = model.gpt.gpt.h, nn.ModuleList()
    own_memory(model)
    model.gpt.gpt.h = blocks
    return model


def _fill(model: Model, checkpoint: Checkpoint) -> None:
    """Raises ConfigurationError where a tensor is missing, or upstream has no place for one."""
    tensors = MappedFile(checkpoint.folder / checkpoint.weights).tensors(checkpoint.tensors)
    try:
        fault = model.load_state_dict(_in_float32(tensors), strict=False, assign=True)
    except RuntimeError as error:  # of another shape
        mismatch = re.search(r"size mismatch for (\S+):.*?Size\((\[.*?\])\).*?Size\((\[.*?\])\)", str(error))
        if not mismatch:
            raise
        tensor, held, wanted = mismatch.groups()
        raise refusal(checkpoint.files, f"{checkpoint.weights}: {tensor} is {held}, and not {wanted}.") from error
    for names, what in ((fault.missing_keys, "lacks"), (fault.unexpected_keys, "has, and XTTS-v2 has not,")):
        if names:
            rest = f" and {len(names) - 1} more" if names[1:] else ""
            raise refusal(checkpoint.files, f"{checkpoint.weights} {what} {names[0]}{rest}: it is not whole, or not"
                          " upstream's XTTS v2.")  # fmt: skip


def _in_float32(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Numbers of other precisions, that is: everything that is drawn from is computed in float32."""
    return {name: tensor.float() if tensor.is_floating_point() else tensor for name, tensor in tensors.items()}


def _speakers(checkpoint: Checkpoint) -> dict[str, dict[str, Tensor]]:
    if not checkpoint.speakers:
        return {}
    file = MappedFile(checkpoint.folder / SPEAKERS)
    return {
        name: {part: tensor.clone() for part, tensor in file.tensors(voice).items()}
        for name, voice in checkpoint.speakers.items()
    }


def sampling_defaults(config: XttsConfig) -> Defaults:
    """From config.json: the arguments' own defaults in upstream's `inference` are others."""
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
        raise ConfigurationError(f"XTTS_DEVICE={name}: must be cpu or auto: there is no GPU that CUDA knows")
    if index >= gpus:
        if number:
            raise ConfigurationError(f"XTTS_DEVICE={name}: must be cuda:N with N below {gpus}, the GPUs that are here")
        raise ConfigurationError(f"XTTS_WORKERS={worker + 1}: must be at most {gpus}, the GPUs that are here")
    return torch.device("cuda", index)
