"""Upstream's model from a checkpoint that was looked at. Upstream's own loading writes to the folder, this does not.

One model per process.
"""

import logging
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from TTS.tts.configs.xtts_config import XttsConfig
from TTS.tts.layers.xtts.tokenizer import VoiceBpeTokenizer
from TTS.tts.layers.xtts.xtts_manager import SpeakerManager
from TTS.tts.models.xtts import Xtts

from runners.checkpoint.files import SPEAKERS, VOCABULARY, refusal
from runners.checkpoint.look import Checkpoint
from runners.errors import ConfigurationError
from runners.xtts.mapped import MappedFile, own_memory


@dataclass(frozen=True, slots=True)
class Defaults:
    """The checkpoint's own sampling settings, for what a request leaves out."""

    temperature: float
    top_k: int
    top_p: float
    repetition_penalty: float


def load_checkpoint(checkpoint: Checkpoint, device: torch.device) -> Xtts:
    """On a CPU the transformer's weights still lie in the file: whoever builds on them takes or copies them.

    Raises ConfigurationError when its tensors are not all that upstream's model has.
    """
    logging.getLogger("transformers").setLevel(logging.ERROR)  # it warns of ids that XTTS does not use
    try:
        xtts = _unfilled(checkpoint)
        _fill(xtts, checkpoint)
        xtts.speaker_manager = _speakers(checkpoint)
        xtts.gpt.init_gpt_for_inference(kv_cache=xtts.args.kv_cache)
        xtts.eval()
    except (OSError, RuntimeError, ValueError, TypeError) as error:
        first, *_ = str(error).strip().splitlines() or [type(error).__name__]
        raise refusal(checkpoint.files, f"{checkpoint.weights} does not load as XTTS-v2 ({first}).") from error
    if device.type != "cpu":
        return xtts.to(device)
    blocks, xtts.gpt.gpt.h = xtts.gpt.gpt.h, nn.ModuleList()
    own_memory(xtts)
    xtts.gpt.gpt.h = blocks
    return xtts


def _unfilled(checkpoint: Checkpoint) -> Xtts:
    """The model with all its modules, its parameters without memory."""
    config = XttsConfig()
    args = {**checkpoint.config["model_args"], "gpt_number_text_tokens": None}  # or the GPT is made twice
    config.from_dict({**checkpoint.config, "model_args": args})
    with _no_memory_for_parameters():
        xtts = Xtts(config)
        xtts.tokenizer = VoiceBpeTokenizer(str(checkpoint.folder / VOCABULARY))
        xtts.init_models()
    return xtts


@contextmanager
def _no_memory_for_parameters() -> Iterator[None]:
    """Modules that are made meanwhile have parameters on the meta device, and are not filled with random numbers."""
    register = nn.Module.register_parameter

    def register_unfilled(module: nn.Module, name: str, parameter: nn.Parameter | None) -> None:
        register(module, name, None if parameter is None else nn.Parameter(parameter.to("meta")))

    nn.Module.register_parameter = register_unfilled  # type: ignore[method-assign, assignment]
    try:
        yield
    finally:
        nn.Module.register_parameter = register  # type: ignore[method-assign]


def _fill(xtts: Xtts, checkpoint: Checkpoint) -> None:
    """Raises ConfigurationError where a tensor is missing, or upstream has no place for one."""
    tensors = MappedFile(checkpoint.folder / checkpoint.weights).tensors(checkpoint.tensors)
    try:
        fault = xtts.load_state_dict(_in_float32(tensors), strict=False, assign=True)
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


def _speakers(checkpoint: Checkpoint) -> SpeakerManager | None:
    if not checkpoint.speakers:
        return None
    file = MappedFile(checkpoint.folder / SPEAKERS)
    manager: Any = SpeakerManager.__new__(SpeakerManager)
    manager.speakers = {
        name: {part: tensor.clone() for part, tensor in file.tensors(voice).items()}
        for name, voice in checkpoint.speakers.items()
    }
    return manager


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
        raise ConfigurationError(f"XTTS_DEVICE={name}: must be cpu or auto: there is no GPU that CUDA knows")
    if index >= gpus:
        if number:
            raise ConfigurationError(f"XTTS_DEVICE={name}: must be cuda:N with N below {gpus}, the GPUs that are here")
        raise ConfigurationError(f"XTTS_WORKERS={worker + 1}: must be at most {gpus}, the GPUs that are here")
    return torch.device("cuda", index)
