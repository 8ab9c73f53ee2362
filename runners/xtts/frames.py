"""From codes to vocoder frames: where each frame of the stretched latents comes from, whole or in windows.

Upstream stretches latents by up to three linear interpolations in a row: `speed`, code stride over hop (4), and output
over input sample rate (24000 / 22050). Each frame depends on a few neighbouring latents only, so any window of frames
can be made alone, as soon as the latents under it exist, and equals the same window of the full stretch.
"""

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

MIN_SPEED = 0.05  # upstream's floor


@dataclass(frozen=True, slots=True)
class Stretch:
    """A chain of linear interpolations by `factors`, as torch's `interpolate(mode="linear", scale_factor=...)` does."""

    factors: tuple[float, ...]

    def total(self, codes: int) -> int:
        """Frames that `codes` latents become. At least one: a lone latent at high speed still sounds."""
        return self._lengths(codes)[-1]

    def ready(self, codes: int) -> int:
        """Frames that the first `codes` latents settle while more are to come: the end's clamping touches none."""
        settled = codes
        for factor, (below, length) in zip(self.factors, pairwise(self._lengths(codes)), strict=True):
            if below == length:  # it may yet stay so, or not: see `_sources`
                return 0
            capacity = 1 << length.bit_length()  # rounded up, so that few tables serve all lengths
            settled = min(int(np.searchsorted(_right_sources(factor, capacity), settled)), length)
        return settled

    def window(self, latents: Tensor, start: int, stop: int, codes: int) -> Tensor:
        """Frames `start` to `stop` of the stretch of `codes` latents: (codes, dim) to (stop - start, dim).

        Latents beyond the last one that the window needs may be missing; `codes` determines where the end is clamped.
        """
        steps = []
        lengths = pairwise(self._lengths(codes))
        for factor, (below, length) in reversed(list(zip(self.factors, lengths, strict=True))):
            left, right, share = _sources(factor, np.arange(start, stop), below, length)
            start, stop = int(left[0]), int(right[-1]) + 1
            steps.append((left - start, right - start, share))
        x = latents[start:stop]
        for left, right, share in reversed(steps):
            weight = torch.from_numpy(share).to(x)[:, None]
            x = x[torch.from_numpy(left)] * (1 - weight) + x[torch.from_numpy(right)] * weight
        return x

    def _lengths(self, codes: int) -> list[int]:
        """The latents' number, and what it becomes after each factor."""
        lengths = [codes]
        for factor in self.factors:
            lengths.append(max(int(lengths[-1] * factor), 1))
        return lengths


def stretch_for(speed: float, code_stride: int, hop: int, rate_in: int, rate_out: int) -> Stretch:
    """Upstream's chain (TTS/tts/models/xtts.py `inference`, TTS/tts/layers/xtts/hifigan_decoder.py `forward`)."""
    factors = [1.0 / max(speed, MIN_SPEED), code_stride / hop, rate_out / rate_in]
    return Stretch(tuple(factor for i, factor in enumerate(factors) if i == 1 or factor != 1.0))


def _sources(
    factor: float, frames: NDArray[np.int64], below: int, length: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]:
    """Left source, right source and the right one's share of each of `frames`, out of `length` made of `below`.

    Rounded as torch rounds them: to float32 once, after a fused multiply-add. And as in torch, a stretch that comes
    out no longer than it went in is a copy, whatever the factor.
    """
    if below == length:
        return frames, frames, np.zeros(len(frames), np.float32)
    step = np.float64(np.float32(1.0 / factor))
    position = np.maximum(step * (frames + 0.5) - 0.5, 0).astype(np.float32)
    left = np.minimum(position.astype(np.int64), below - 1)
    return left, np.minimum(left + 1, below - 1), np.clip(position - left, 0, 1).astype(np.float32)


@lru_cache(maxsize=256)
def _right_sources(factor: float, frames: int) -> NDArray[np.int64]:
    """The right source of each of the first `frames` frames when nothing is clamped."""
    return _sources(factor, np.arange(frames), below=np.iinfo(np.int64).max, length=frames)[1]
