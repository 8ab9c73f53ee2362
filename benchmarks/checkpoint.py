"""A checkpoint of XTTS-v2's full size with made-up weights, which costs per step what the real one costs.

Every utterance lasts exactly as many codes as asked for, so that two engines have the same work to do whatever they
draw. Its sound means nothing. Knows nothing of what is measured.
"""

import json
import logging
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize
from TTS.tts.configs.xtts_config import XttsConfig
from TTS.tts.models.xtts import Xtts

from runners.demo.config import START_CODE, STOP_CODE, checkpoint_config
from runners.demo.vocabulary import LANGUAGES, write_vocabulary
from runners.models.landing import land

SPEAKERS = ("Bench Low", "Bench High")  # stored in the checkpoint

_RECIPE = 2  # change it with anything that changes a tensor
_SEED = 20_250
_EMBEDDING_STD = 0.1  # of codes, texts and voices; what thirty layers add comes to three times that
_LOGIT_STD = 2.4  # 1026 codes then have about 4 nats of entropy at temperature 1
_STOP_DIM, _STOP_SLOPE = 0, 30.0  # of the stop code's logit over the dimension that marks the last position
_STOP_MARK = 40.0  # all other dimensions together are about 12 long
_RELU_GAIN = 2**0.5
_COLOUR = 0.3  # of a residual layer of the vocoder
_VOICE = 5.0  # of the speaker's embedding, whose norm is 1, in the vocoder's layers
_LEVEL = 0.1  # root mean square of the samples, about


@dataclass(frozen=True, slots=True)
class Sizes:
    """What makes a GPT of XTTS large or small. The vocoder has one size only."""

    layers: int
    width: int
    heads: int
    text_tokens: int


FULL = Sizes(layers=30, width=1024, heads=16, text_tokens=6681)  # XTTS-v2


def bench_checkpoint(root: Path, codes: int, sizes: Sizes = FULL) -> Path:
    """The folder of a checkpoint whose utterances all last `codes` codes (1 to 602), the stop code included.

    Made once (half a minute and 1.9 GB at full size) and kept in `root`.
    """

    def fill(folder: Path) -> None:
        _write(folder, codes, sizes)

    return land(root / f"xtts-{sizes.layers}x{sizes.width}-{codes}-codes-{_RECIPE}", fill)


def _write(folder: Path, codes: int, sizes: Sizes) -> None:
    tokens = _vocabulary(folder / "vocab.json", sizes.text_tokens)
    config = checkpoint_config(
        tokens,
        layers=sizes.layers,
        width=sizes.width,
        heads=sizes.heads,
        text_tokens=sizes.text_tokens,
        languages=LANGUAGES,
    )
    (folder / "config.json").write_text(json.dumps(config, indent=4), encoding="utf-8")
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(_SEED)
        torch.save({"model": _weights(folder / "config.json", codes)}, folder / "model.pth")
        torch.save({name: _voice(sizes.width) for name in SPEAKERS}, folder / "speakers_xtts.pth")


def _vocabulary(path: Path, size: int) -> dict[str, int]:
    """Our own, filled up with tokens that no text has: upstream counts the vocabulary, whatever config.json says."""
    write_vocabulary(path)
    vocabulary = json.loads(path.read_text(encoding="utf-8"))
    tokens: dict[str, int] = vocabulary["model"]["vocab"]
    tokens |= {f"[FILLER {number}]": number for number in range(len(tokens), size)}
    path.write_text(json.dumps(vocabulary, ensure_ascii=False), encoding="utf-8")
    return tokens


def _weights(config_path: Path, codes: int) -> dict[str, Tensor]:
    """Upstream's own initial values, brought to the scale that a trained model has where that matters."""
    logging.getLogger("transformers").setLevel(logging.ERROR)  # it warns of ids that XTTS does not use
    config = XttsConfig()
    config.load_json(str(config_path))
    model = Xtts(config)
    for embedding in (model.gpt.text_embedding, model.gpt.mel_embedding):
        embedding.weight.normal_(std=_EMBEDDING_STD)
    _scale_logits(model.gpt.mel_head)
    _stop_after(codes, model.gpt.mel_head, model.gpt.mel_pos_embedding.emb)
    _scale_vocoder(model.hifigan_decoder.waveform_decoder)
    weights: dict[str, Tensor] = model.state_dict()
    return weights


def _scale_logits(head: nn.Linear) -> None:
    """The head reads a LayerNorm's output, of variance 1."""
    head.weight.normal_(std=_LOGIT_STD / head.in_features**0.5)
    head.bias.zero_()
    head.bias[START_CODE] = -100.0  # never drawn


def _stop_after(codes: int, head: nn.Linear, positions: nn.Embedding) -> None:
    """The stop code is out of reach until the position of the last code, which is marked in one dimension.

    A LayerNorm makes of the mark almost the square root of the width, which is as much as one dimension can have.
    """
    head.weight[STOP_CODE] = 0
    head.weight[STOP_CODE, _STOP_DIM] = _STOP_SLOPE
    head.bias[STOP_CODE] = -_STOP_SLOPE * head.in_features**0.5 / 2
    positions.weight[codes - 1, _STOP_DIM] = _STOP_MARK


def _scale_vocoder(generator: nn.Module) -> None:
    """Every convolution keeps the level of what comes in: upstream's initial values lose it stage by stage."""
    for name, conv in generator.named_modules():
        if isinstance(conv, nn.Conv1d | nn.ConvTranspose1d):
            _fill(conv, _gain(name))


def _gain(name: str) -> float:
    if name.startswith("cond"):
        return _VOICE
    if name == "conv_pre":
        return 1.0
    return _RELU_GAIN * {"conv_post": _LEVEL}.get(name, _COLOUR if ".convs2." in name else 1.0)


def _fill(conv: nn.Conv1d | nn.ConvTranspose1d, gain: float) -> None:
    """Seeded normals; `gain` is the level that comes out over that which goes in."""
    heard = conv.in_channels * conv.kernel_size[0]
    if isinstance(conv, nn.ConvTranspose1d):
        heard //= conv.stride[0]
    weight = torch.randn(conv.weight.shape) * (gain / heard**0.5)
    if parametrize.is_parametrized(conv, "weight"):
        conv.weight = weight  # its weight norm takes it apart
    else:
        conv.weight.copy_(weight)
    if conv.bias is not None:
        conv.bias.zero_()


def _voice(width: int) -> dict[str, Tensor]:
    """A built-in speaker of no clip, as `speakers_xtts.pth` keeps it."""
    embedding = torch.randn(1, 512, 1)
    return {
        "gpt_cond_latent": torch.randn(1, 32, width) * _EMBEDDING_STD,
        "speaker_embedding": embedding / embedding.norm(),
    }
