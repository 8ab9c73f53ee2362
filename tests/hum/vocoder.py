"""Weights of the test checkpoint's HiFi-GAN: a soft hum that follows the codes and the speaker, silent at both ends.

Channels come in pairs, a signal and its negative: lrelu(a) - lrelu(-a) is a multiple of a, so the main path
is linear. Transposed convolutions put it on harmonics of the frame rate; residual blocks add a little of all
that is within the receptive field. Two more channels are gates. Added to both of a pair, a gate moves them to
the flat side of the last leaky ReLU (slope 0.01), 40 dB down: one shuts on the first codes, one when nothing
is left to say.

It is a quarter as wide as upstream's and filled up with zeros, as the demo voice is: the engine leaves those channels
out, and needs a thirteenth of the time. Upstream's own model computes them all.
"""

import math

import torch
from torch import Tensor

from tests.hum.gpt import CONTENT, WIDTH, Dim

_FULL = (512, 256, 128, 64, 32)  # upstream's channels: before, between and after the four stages
_CHANNELS = (128, 64, 32, 16, 8)  # that are not zeros
_STAGES = ((8, 16), (8, 16), (2, 4), (2, 4))  # (upsampling factor, kernel)
_HARMONICS = ((1, 2, 3), (0, 0, 0, 1), (0,), (0,))  # of each stage's frame rate: 94, 750, 6000, 12000 Hz
_KERNELS, _DILATIONS = (3, 7, 11), 3  # of the residual blocks
_EMBEDDING = 512

_VOICE = (1.0, 0.3, 0.3, 0.3, 0.3)  # weight of the speaker's steady chord beside the codes'
_COLOUR = 0.3  # weight of a residual layer
_LEVEL = 0.0052
_OPEN, _SHUT = 4.0, 4.0
_NOTHING_LEFT = 0.02


def vocoder_weights(generator: torch.Generator) -> dict[str, Tensor]:
    """Tensors by their name in `Xtts.hifigan_decoder.waveform_decoder`."""
    weights = _inlet(generator) | _voice("cond_layer", 0, generator)
    for stage in range(len(_STAGES)):
        channels, full = _CHANNELS[stage + 1], _FULL[stage + 1]
        weights |= _weight_norm(f"ups.{stage}", _filled(_upsampling(stage, generator), _FULL[stage], full))
        weights |= _voice(f"conds.{stage}", stage + 1, generator)
        last = stage == len(_STAGES) - 1
        weights[f"ups.{stage}.bias"] = _filled(torch.full((channels,), _OPEN if last else 0.0), full)
        for block, kernel in enumerate(_KERNELS, start=stage * len(_KERNELS)):
            weights |= _residual_block(f"resblocks.{block}", channels, full, kernel, generator)
    return weights | _outlet(generator)


def _inlet(generator: torch.Generator) -> dict[str, Tensor]:
    channels = _CHANNELS[0]
    weight, bias = torch.zeros(channels // 2, WIDTH, 7), torch.zeros(channels)
    weight[:-1, :CONTENT] = torch.randn(channels // 2 - 1, CONTENT, 1, generator=generator) * _window(7)
    weight = _with_negatives(weight / (2 * CONTENT**0.5), 0)
    ending, beginning = _gates(channels)
    weight[ending, [Dim.LEFT, Dim.ZERO], 3] = torch.tensor([-200.0, 200.0])
    weight[beginning, [Dim.EDGE, Dim.ZERO], 3] = torch.tensor([40.0, -40.0])
    bias[ending], bias[beginning] = 200 * _NOTHING_LEFT, -6.0
    return {"conv_pre.weight": _filled(weight, _FULL[0]), "conv_pre.bias": _filled(bias, _FULL[0])}


def _voice(name: str, level: int, generator: torch.Generator) -> dict[str, Tensor]:
    weight = torch.randn(_CHANNELS[level] // 2, _EMBEDDING, 1, generator=generator) * _VOICE[level]
    weight[-1] = 0
    weight = _filled(_with_negatives(weight, 0), _FULL[level])
    return {f"{name}.weight": weight, f"{name}.bias": torch.zeros(_FULL[level])}


def _upsampling(stage: int, generator: torch.Generator) -> Tensor:
    """(in, out, kernel): each output is a mix of the inputs on its own harmonic. Gates pass unchanged."""
    inputs, outputs = _CHANNELS[stage] // 2, _CHANNELS[stage + 1] // 2
    factor, kernel = _STAGES[stage]
    harmonics = torch.tensor(_HARMONICS[stage]).repeat(outputs)[:outputs, None]
    phase = torch.rand(outputs, 1, generator=generator) * 2 * math.pi * (harmonics > 0)
    tones = torch.cos(2 * math.pi * harmonics * torch.arange(kernel) / factor + phase) * _window(kernel)
    mix = torch.randn(inputs, outputs, generator=generator) / inputs**0.5
    mix[-1], mix[:, -1] = 0, 0
    weight = _with_negatives(_with_negatives(mix[:, :, None] * tones, 0), 1)
    for source, target in zip(_gates(2 * inputs), _gates(2 * outputs), strict=True):
        if stage < len(_STAGES) - 1:
            weight[source, target] = _window(kernel)
        else:
            weight[source] = -_SHUT * _window(kernel)
    return weight


def _residual_block(name: str, channels: int, full: int, kernel: int, generator: torch.Generator) -> dict[str, Tensor]:
    half = channels // 2
    weights: dict[str, Tensor] = {}
    for layer in range(_DILATIONS):
        first = torch.randn(channels, half, kernel, generator=generator) / (half * kernel) ** 0.5
        second = torch.randn(half, channels, kernel, generator=generator) / (channels * kernel) ** 0.5 * _COLOUR
        first[:, -1], second[-1] = 0, 0
        weights |= _weight_norm(f"{name}.convs1.{layer}", _filled(_with_negatives(first, 1), full, full))
        weights |= _weight_norm(f"{name}.convs2.{layer}", _filled(_with_negatives(second, 0), full, full))
        weights |= {f"{name}.convs{part}.{layer}.bias": torch.zeros(full) for part in (1, 2)}
    return weights


def _outlet(generator: torch.Generator) -> dict[str, Tensor]:
    slope = torch.tensor([-1.0, -2.0, -3.0, 0.0, 3.0, 2.0, 1.0])  # adds up to 0: no DC
    weight = torch.randn(1, _CHANNELS[-1] // 2, 1, generator=generator) * slope * _LEVEL
    weight[:, -1] = 0
    return {"conv_post.weight": _filled(_with_negatives(weight, 1), 1, _FULL[-1])}


def _gates(channels: int) -> tuple[int, int]:
    """The channels that carry the gates: the last of the signals and the last of the negatives."""
    return channels // 2 - 1, channels - 1


def _with_negatives(weight: Tensor, dim: int) -> Tensor:
    return torch.cat([weight, -weight], dim)


def _filled(weight: Tensor, *sizes: int) -> Tensor:
    """With zeros at the end, up to these sizes of its first dimensions."""
    full = weight.new_zeros(*sizes, *weight.shape[len(sizes) :])
    full[tuple(slice(size) for size in weight.shape)] = weight
    return full


def _window(size: int) -> Tensor:
    """Every half a size apart, these windows add up to 1."""
    return torch.sin(math.pi * (torch.arange(size) + 0.5) / size).square()


def _weight_norm(name: str, weight: Tensor) -> dict[str, Tensor]:
    """The norms and directions that weight_norm keeps in place of a weight. No direction may be zero."""
    norm = weight.flatten(1).norm(dim=1)[:, None, None]
    stem = f"{name}.parametrizations.weight.original"
    return {f"{stem}0": norm, f"{stem}1": torch.where(norm > 0, weight, 1.0)}
