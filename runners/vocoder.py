"""The other half of XTTS: frames to samples by upstream's HiFi-GAN, in batches of equal windows."""

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

# A CPU's caches hold the activations of one window: a batch of 8 takes it twice the time for each (0.77 s of CPU for
# 100 frames against 0.39, two cores). A GPU is kept busy by many.
WINDOWS_AT_ONCE = {"cpu": 1, "cuda": 16}


class Vocoder:
    """`Xtts.hifigan_decoder.waveform_decoder` (TTS/vocoder/models/hifigan_generator.py), weight norm folded away."""

    def __init__(self, generator: Any, hop: int) -> None:
        _fold_weight_norm(generator)
        self._generator = generator
        self.hop = hop  # samples a frame
        self.context = context_frames(generator)
        weight = generator.conv_post.weight
        self.device: torch.device = weight.device
        self.dtype: torch.dtype = weight.dtype
        self.at_once = WINDOWS_AT_ONCE[self.device.type]  # windows in a batch, at most

    @torch.inference_mode()
    def speak(self, frames: Tensor, speakers: Tensor) -> Tensor:
        """(rows, time, dim) frames and (rows, 512, 1) speaker embeddings to float32 (rows, time x hop) samples."""
        frames, speakers = frames.to(self.device, self.dtype), speakers.to(self.device, self.dtype)
        samples: Tensor = self._generator(frames.transpose(1, 2), g=speakers)
        return samples[:, 0].float()


def context_frames(generator: Any) -> int:
    """How many frames to each side a sample hears: the half-widths of all convolutions, at their own rates."""
    heard = _half_width(generator.conv_pre)
    rate = 1.0  # samples of the current layer per frame
    blocks_per_stage = generator.num_kernels
    for stage, up in enumerate(generator.ups):
        heard += math.ceil((up.kernel_size[0] - up.stride[0]) / 2 / up.stride[0]) / rate
        rate *= up.stride[0]
        blocks = generator.resblocks[stage * blocks_per_stage : (stage + 1) * blocks_per_stage]
        heard += max(sum(map(_half_width, [*block.convs1, *block.convs2])) for block in blocks) / rate
    return math.ceil(heard + _half_width(generator.conv_post) / rate)


def _half_width(conv: Any) -> float:
    return conv.dilation[0] * (conv.kernel_size[0] - 1) / 2


def _fold_weight_norm(module: nn.Module) -> None:
    for part in module.modules():
        if parametrize.is_parametrized(part, "weight"):
            parametrize.remove_parametrizations(part, "weight")
