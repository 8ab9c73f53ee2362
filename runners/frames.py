"""From codes to vocoder frames: where each frame of the stretched latents comes from, whole or in windows.

Upstream stretches latents by up to three linear interpolations in a row: `speed`, code stride over hop (4), and output
over input sample rate (24000 / 22050). Each frame depends on a few neighbouring latents only, so any window of frames
can be made alone, as soon as the latents under it exist, and equals the same window of the full stretch.
"""

from dataclasses import dataclass
from functools import lru_cache

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
        """Frames that `codes` latents become. At least one: a lone latent at high speed is still heard."""
        for factor in self.factors:
            codes = max(int(codes * factor), 1)
        return codes

    def ready(self, codes: int) -> int:
        """Frames that the first `codes` latents settle while more are to come: the end's clamping touches none."""
        capacity = 1 << self.total(codes).bit_length()  # rounded up, so that few tables serve all lengths
        return int(np.searchsorted(_reach(self, capacity), codes))

    def window(self, latents: Tensor, start: int, stop: int, codes: int) -> Tensor:
        """Frames `start` to `stop` of the stretch of `codes` latents: (codes, dim) to (stop - start, dim).

        Latents beyond the last one that the window needs may be missing; `codes` places the end's clamping.
        """
        lengths = [codes]
        for factor in self.factors:
            lengths.append(max(int(lengths[-1] * factor), 1))
        steps = []
        for factor, below in zip(reversed(self.factors), reversed(lengths[:-1]), strict=True):
            left, right, share = _sources(factor, np.arange(start, stop), below)
            start, stop = int(left[0]), int(right[-1]) + 1
            steps.append((left - start, right - start, share))
        x = latents[start:stop]
        for left, right, share in reversed(steps):
            weight = torch.from_numpy(share).to(x)[:, None]
            x = x[torch.from_numpy(left)] * (1 - weight) + x[torch.from_numpy(right)] * weight
        return x


def stretch_for(speed: float, code_stride: int, hop: int, rate_in: int, rate_out: int) -> Stretch:
    """Upstream's chain (TTS/tts/models/xtts.py `inference`, TTS/tts/layers/xtts/hifigan_decoder.py `forward`)."""
    factors = [1.0 / max(speed, MIN_SPEED), code_stride / hop, rate_out / rate_in]
    return Stretch(tuple(factor for i, factor in enumerate(factors) if i == 1 or factor != 1.0))


def _sources(
    factor: float, frames: NDArray[np.int64], length: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]:
    """Left source, right source and the right one's share of each frame, in float32 as torch computes them."""
    step, half = np.float32(1.0 / factor), np.float32(0.5)
    position = np.maximum(step * (frames.astype(np.float32) + half) - half, np.float32(0))
    left = np.minimum(position.astype(np.int64), length - 1)
    return left, np.minimum(left + 1, length - 1), np.clip(position - left, 0, 1).astype(np.float32)


@lru_cache(maxsize=64)
def _reach(stretch: Stretch, frames: int) -> NDArray[np.int64]:
    """The last latent that each of the first `frames` frames needs when nothing is clamped."""
    needed = np.arange(frames)
    for factor in reversed(stretch.factors):
        needed = _sources(factor, needed, np.iinfo(np.int64).max)[0] + 1
    return needed
