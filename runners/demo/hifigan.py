"""Writes the vocoder as upstream's HiFi-GAN, in as few channels as it takes; export.py widens it to upstream's.

A linear signal passes a leaky ReLU as a pair, itself and its negative: lrelu(a) - lrelu(-a) is a multiple of a.
"""

from collections.abc import Mapping

import torch
from torch import Tensor

EMBEDDING = 512
_SLOPE, _LAST_SLOPE = 0.1, 0.01
_KERNELS = (3, 7, 11)


def as_hifigan(vocoder: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """From the state of `Vocoder` to that of `HifiganGenerator`. The last three stages are the filter bank."""
    result = {name: vocoder[name] for name in vocoder if name.startswith(("conv_pre", "cond_layer"))}
    result |= {f"conds.0.{part}": vocoder[f"cond.{part}"] for part in ("weight", "bias")}
    result |= _normed("ups.0", vocoder["up.weight"], vocoder["up.bias"])
    for number, kernel in enumerate(_KERNELS):
        for part in (1, 2):
            for layer in range(3):
                name = f"convs{part}.{layer}"
                weight = vocoder.get(f"blocks.{number}.{name}.weight", torch.zeros(1, 1, kernel))
                bias = vocoder.get(f"blocks.{number}.{name}.bias", torch.zeros(1))
                result |= _normed(f"resblocks.{number}.{name}", weight, bias)
    bank = vocoder["bank.weight"][:, 0]  # (channels, 64): four samples of 24 kHz for each of 6 kHz
    result |= _stage(1, _pairs_out(bank.view(len(bank), 16, 4).transpose(1, 2)))
    split = torch.zeros(4, 2, 4)  # of four samples, two for each of 12 kHz, then one for each of 24 kHz
    for sample in range(4):
        split[sample, sample % 2, 1 + sample // 2] = 1
    result |= _stage(2, _pairs_out(_pairs_in(split, _SLOPE)))
    join = torch.zeros(2, 1, 4)
    for sample in range(2):
        join[sample, 0, 1 + sample] = 1
    result |= _stage(3, _pairs_out(_pairs_in(join, _SLOPE)))
    last = torch.zeros(1, 1, 7)
    last[0, 0, 3] = 1
    return result | {"conv_post.weight": _pairs_in(last, _LAST_SLOPE).transpose(0, 1)}


def _pairs_out(weight: Tensor) -> Tensor:
    """(in, out, kernel) to (in, 2 out, kernel)"""
    return torch.cat([weight, -weight], 1)


def _pairs_in(weight: Tensor, slope: float) -> Tensor:
    return torch.cat([weight, -weight], 0) / (1 + slope)


def _stage(number: int, weight: Tensor) -> dict[str, Tensor]:
    """A transposed convolution alone: no speaker, and residual blocks that change nothing."""
    result = _normed(f"ups.{number}", weight, torch.zeros(weight.shape[1]))
    result |= {f"conds.{number}.weight": torch.zeros(1, EMBEDDING, 1), f"conds.{number}.bias": torch.zeros(1)}
    for block, kernel in enumerate(_KERNELS, start=number * len(_KERNELS)):
        for name in (f"convs{part}.{layer}" for part in (1, 2) for layer in range(3)):
            result |= _normed(f"resblocks.{block}.{name}", torch.zeros(1, 1, kernel), torch.zeros(1))
    return result


def _normed(name: str, weight: Tensor, bias: Tensor) -> dict[str, Tensor]:
    """The norms and directions that weight norm keeps in place of a weight. No direction may be zero."""
    norm = weight.flatten(1).norm(dim=1)[:, None, None]
    stem = f"{name}.parametrizations.weight.original"
    return {f"{stem}0": norm, f"{stem}1": torch.where(norm > 0, weight, 1.0), f"{name}.bias": bias}
