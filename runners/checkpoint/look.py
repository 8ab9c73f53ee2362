"""Looks at a checkpoint folder and says what is in it, or in one sentence why it cannot be served.

What start-up, `make check-model` and `make model-import` go by. Reads indexes only; no tensor is loaded, nothing is
built or written. Imports no torch.
"""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runners.checkpoint.agreement import check_words, complete
from runners.checkpoint.config import Config, read_config
from runners.checkpoint.files import SPEAKERS, Files, LocalFiles, check_texts, choose_weights, refusal
from runners.checkpoint.tensors import TensorInfo, Unreadable, read_index
from runners.errors import ConfigurationError

_MODEL = re.compile(r"gpt\.|hifigan_decoder\.|mel_stats$")
_BESIDE = re.compile(r"gpt\.gpt_inference\.|gpt\.gpt\.h\.\d+\.attn\.(masked_)?bias$")  # what upstream makes by itself
_FLOATS = ("float32", "float16", "bfloat16", "float64")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a folder holds that can be served, as far as can be told without loading it."""

    files: Files
    weights: str  # the file's name
    layout: str  # in words
    tensors: Mapping[str, TensorInfo]  # the model's, by the names that upstream gives them
    left_out: int  # bytes of tensors that are not the model's: the optimizer's, the trainer's other networks
    speakers: Mapping[str, Mapping[str, TensorInfo]]
    config: Config  # complete: sizes that config.json leaves out are those of the weights

    @property
    def folder(self) -> Path:
        """Of a checkpoint on this machine."""
        return Path(self.files.url)

    @property
    def languages(self) -> tuple[str, ...]:
        return tuple(self.config["languages"])

    @property
    def precisions(self) -> list[str]:
        """Of the numbers as they are stored, the most frequent first."""
        elements: Counter[str] = Counter()
        for tensor in self.tensors.values():
            elements[tensor.dtype] += tensor.elements
        return [dtype for dtype, _ in elements.most_common() if dtype in _FLOATS]


def look_at(path: Path) -> Checkpoint:
    """`path`: a folder, or the file of weights in one. Raises ConfigurationError."""
    try:
        return look(LocalFiles(path)) if path.is_dir() else look(LocalFiles(path.parent), path.name)
    except OSError as error:
        raise ConfigurationError(f"XTTS_MODEL: {path} cannot be read: {error}") from error


def look(files: Files, weights: str | None = None) -> Checkpoint:
    """`weights`: the file's name, if it is not to be found. Raises ConfigurationError."""
    name = weights or choose_weights(files)
    check_texts(files)
    index = _index(files, name)
    layout, named = _named_tensors(name, index)
    tensors = {key: tensor for key, tensor in named.items() if _MODEL.match(key) and not _BESIDE.match(key)}
    _check_kind(files, name, named, tensors)
    config = complete(files, name, read_config(files), tensors)
    check_words(files, name, config, tensors)
    speakers = _speakers(files, tensors)
    left_out = sum({tensor.record: tensor.record.size for tensor in _all_tensors(index)}.values()) - sum(
        {tensor.record: tensor.record.size for tensor in tensors.values()}.values()
    )
    return Checkpoint(files, name, layout, tensors, left_out, speakers, config)


def _index(files: Files, name: str) -> Any:
    try:
        with files.open_file(name) as file:
            return read_index(file)
    except Unreadable as error:
        raise refusal(files, f"{name} {error}.") from error
    except OSError as error:
        raise refusal(files, f"{name} cannot be read ({error.strerror or error}).") from error


def _named_tensors(name: str, index: Any) -> tuple[str, dict[str, TensorInfo]]:
    """Which layout it is, and the tensors of the model by upstream's names, perhaps with others among them."""
    content = index if isinstance(index, dict) else {}
    model = content.get("model")
    state = model if isinstance(model, dict) else content
    tensors = {str(key): value for key, value in state.items() if isinstance(value, TensorInfo)}
    if name.endswith(".safetensors"):
        return "safetensors", tensors
    if any(key.startswith("xtts.") for key in tensors):
        return "a trainer's dump", {key.removeprefix("xtts."): tensor for key, tensor in tensors.items()}
    if state is content:
        return "a state dict", tensors
    as_object = not isinstance(content.get("config"), dict | None)
    return ("upstream's, its config an object" if as_object else "upstream's"), tensors


def _check_kind(files: Files, name: str, named: Mapping[str, object], tensors: Mapping[str, TensorInfo]) -> None:
    """Raises ConfigurationError unless these are the weights of a whole XTTS v2."""
    if not tensors:
        some = ", ".join(sorted(named)[:3])
        raise refusal(files, f"{name} holds no model of XTTS" + (f", but {some} and the like." if some else "."))
    if "gpt.conditioning_perceiver.latents" not in tensors and "gpt.prompt_embedding.weight" in tensors:
        raise refusal(files, f"{name} is XTTS v1, whose voices cannot be blended: use XTTS v2.")
    parts = {"GPT": "gpt.text_embedding.weight", "vocoder": "hifigan_decoder.waveform_decoder.conv_pre.bias"}
    if missing := [part for part, tensor in parts.items() if tensor not in tensors]:
        raise refusal(
            files,
            f"{name} has no {' and no '.join(missing)} by upstream's names: another program has split or renamed it."
            " Use the checkpoint that it was made of.",
        )


def _speakers(files: Files, tensors: Mapping[str, TensorInfo]) -> dict[str, dict[str, TensorInfo]]:
    """The voices that come with the model. Raises ConfigurationError for those of a model of other sizes."""
    if not files.has(SPEAKERS):
        return {}
    stored = _index(files, SPEAKERS)
    width = tensors["gpt.text_embedding.weight"].shape[1]
    for name, voice in stored.items() if isinstance(stored, dict) else [("", stored)]:
        latent = voice.get("gpt_cond_latent") if isinstance(voice, dict) else None
        if not isinstance(latent, TensorInfo) or not isinstance(voice.get("speaker_embedding"), TensorInfo):
            raise refusal(files, f"{SPEAKERS} holds no voices of XTTS.")
        if latent.shape[-1] != width:
            raise refusal(
                files, f"{SPEAKERS}: the voice {name} is {latent.shape[-1]} wide, the model {width}: remove the file."
            )
    return {str(name): voice for name, voice in stored.items()}


def _all_tensors(index: Any) -> list[TensorInfo]:
    """Wherever in the file they are."""
    found, rest = [], [index]
    while rest:
        each = rest.pop()
        if isinstance(each, TensorInfo):
            found.append(each)
        elif isinstance(each, dict):
            rest += each.values()
        elif isinstance(each, list | tuple):
            rest += each
    return found
