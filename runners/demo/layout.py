"""Puts the demo voice's tensors into a folder in XTTS-v2's own layout.

The vocoder and the speaker encoder are narrower than upstream's, whose widths are fixed. Here they are widened by
channels that are always zero: the same function in upstream's shapes.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from TTS.tts.configs.xtts_config import XttsConfig

from runners.demo.config import checkpoint_config
from runners.demo.hifigan import as_hifigan
from runners.demo.vocabulary import write_vocabulary
from runners.xtts.model import Model

LANGUAGES = ("en", "hu")  # that the voice is trained in
WIDTH, HEADS, LAYERS = 256, 4, 6
MEL_SCALE = 4.0  # of `mel_stats`: upstream divides the log-mel by it
_SAMPLING = {"temperature": 0.4, "top_k": 50, "top_p": 0.85, "repetition_penalty": 1.0}

State = Mapping[str, Tensor]


@dataclass(frozen=True, slots=True)
class Parts:
    """The state of each module that is trained, float32, and the latents of the built-in speakers."""

    gpt: State  # what is not trained may be missing
    vocoder: State  # reads latents, as `folded` makes it
    encoder: State
    speakers: Mapping[str, State]  # by name: gpt_cond_latent (1, 32, WIDTH), speaker_embedding (1, 512, 1)


def write(folder: Path, parts: Parts) -> None:
    """Writes config.json, vocab.json, model.pth and speakers_xtts.pth into `folder`, which exists."""
    tokens = write_vocabulary(folder / "vocab.json")
    sizes = {"layers": LAYERS, "width": WIDTH, "heads": HEADS, "text_tokens": len(tokens)}
    config = checkpoint_config(tokens, **sizes, languages=LANGUAGES) | _SAMPLING
    (folder / "config.json").write_text(json.dumps(config, indent=4), encoding="utf-8")
    upstream = XttsConfig()
    upstream.load_json(str(folder / "config.json"))
    shapes = Model(upstream, folder / "vocab.json").state_dict()
    torch.save({"model": weights(shapes, parts)}, folder / "model.pth")
    torch.save({name: dict(latents) for name, latents in parts.speakers.items()}, folder / "speakers_xtts.pth")


def weights(shapes: State, parts: Parts) -> dict[str, Tensor]:
    """All tensors of the model, under upstream's names. `shapes`: a new one's, whose parameters have no memory."""
    trained = {f"gpt.{name}": tensor for name, tensor in parts.gpt.items()}
    trained["mel_stats"] = torch.full((80,), MEL_SCALE)
    for stem, tensors in (("waveform_decoder", as_hifigan(parts.vocoder)), ("speaker_encoder", parts.encoder)):
        trained |= {f"hifigan_decoder.{stem}.{name}": tensor for name, tensor in tensors.items()}
    return {name: _shaped(name, trained.get(name), tensor) for name, tensor in shapes.items()}


def _shaped(name: str, trained: Tensor | None, new: Tensor) -> Tensor:
    if trained is None:  # such that it changes nothing; a buffer is what it is
        return _inert(name, new) if name.startswith("gpt.") else new
    if name.startswith("hifigan_decoder") and new.ndim:
        return widened(name.split(".", 2)[2], trained, new.shape)
    return trained.to(new.dtype).reshape(new.shape)


def _inert(name: str, new: Tensor) -> Tensor:
    return torch.ones(new.shape) if name.endswith("norm.weight") else torch.zeros(new.shape)


def widened(name: str, narrow: Tensor, shape: torch.Size) -> Tensor:
    """`narrow` in the first channels of a tensor of `shape`; the others change nothing."""
    if name.endswith(("running_var", "parametrizations.weight.original1")):
        wide = torch.ones(shape)  # a direction may not be zero: its norm is
    else:
        wide = torch.zeros(shape)
    if name == "fc.weight":  # of the speaker encoder: means, then deviations
        half, mine = shape[1] // 2, narrow.shape[1] // 2
        wide[:, :mine], wide[:, half : half + mine] = narrow[:, :mine], narrow[:, mine:]
        return wide
    corner = tuple(slice(size) for size in narrow.shape)
    if name.endswith("parametrizations.weight.original1"):
        wide[tuple(slice(size) for size in narrow.shape[:1])] = 0
    wide[corner] = narrow
    return wide


def folded(vocoder: State, teller: State) -> dict[str, Tensor]:
    """The vocoder, reading latents: what the teller makes of them goes into its first convolution."""
    weight, bias = vocoder["conv_pre.weight"], vocoder["conv_pre.bias"]
    return {
        **vocoder,
        "conv_pre.weight": torch.einsum("otk,tl->olk", weight, teller["weight"]),
        "conv_pre.bias": bias + (weight.sum(2) @ teller["bias"]),
    }
