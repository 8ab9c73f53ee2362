"""The other half of XTTS: frames to samples by upstream's HiFi-GAN, in batches of equal windows."""

import copy
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn
from TTS.vocoder.models.hifigan_generator import LRELU_SLOPE, ResBlock1

# A CPU's caches hold the activations of one window: a batch of 8 takes it twice the time for each (0.77 s of CPU for
# 100 frames against 0.39, two cores). A GPU is kept busy by many.
WINDOWS_AT_ONCE = {"cpu": 1, "cuda": 16}


@dataclass(frozen=True, slots=True)
class PendingAudio:
    """Samples that are computed, or are being computed."""

    _samples: Tensor  # on the host
    _done: torch.cuda.Event | None

    @property
    def ready(self) -> bool:
        return self._done is None or bool(self._done.query())  # type: ignore[no-untyped-call]

    def samples(self) -> NDArray[np.float32]:
        """(rows, samples); waits for them."""
        if self._done is not None:
            self._done.synchronize()
        return self._samples.numpy()


class Vocoder:
    """`Xtts.hifigan_decoder.waveform_decoder` (TTS/vocoder/models/hifigan_generator.py).

    Convolutions run in two dimensions, one of them of size 1, with the channels last: libraries have no such layout
    for one dimension, and theirs for two is faster. Those of the residual blocks, nearly all of the work, are computed
    in `dtype`, but for the last stage. On a GPU all of it runs beside the decoding, on a stream of its own.
    """

    def __init__(
        self,
        generator: Any,
        hop: int,
        dtype: torch.dtype = torch.float32,
        stream: torch.cuda.Stream | None = None,
    ) -> None:
        """`generator` is left as it is, and not needed afterwards. Without a `stream` everything is done at once."""
        self.hop = hop  # samples a frame
        self.context = context_frames(generator)
        self.device: torch.device = generator.conv_post.weight.device
        self._generator = _in_two_dimensions(generator)
        last_stage = len(generator.resblocks) - generator.num_kernels  # at the samples' rate, where errors are audible
        self._generator.resblocks = nn.ModuleList(
            [
                _ResBlock(block, dtype if index < last_stage else torch.float32)
                for index, block in enumerate(generator.resblocks)
            ]
        )
        self.at_once = WINDOWS_AT_ONCE[self.device.type]  # windows in a batch, at most
        self._stream = stream

    @torch.inference_mode()
    def start(self, frames: Tensor, speakers: Tensor) -> PendingAudio:
        """Begin to vocode (rows, time, dim) frames by (rows, 512, 1) speaker embeddings."""
        if self._stream is None:
            return PendingAudio(self.vocode(frames, speakers), None)
        self._stream.wait_stream(torch.cuda.current_stream(self.device))
        with torch.cuda.stream(self._stream):
            samples = self.vocode(frames, speakers)
            host = torch.empty(samples.shape, pin_memory=True).copy_(samples, non_blocking=True)
            frames.record_stream(self._stream)
            return PendingAudio(host, self._stream.record_event())

    @torch.inference_mode()
    def vocode(self, frames: Tensor, speakers: Tensor) -> Tensor:
        """(rows, time, dim) frames and (rows, 512, 1) speaker embeddings to float32 (rows, time x hop) samples."""
        frames = frames.to(self.device).transpose(1, 2)[:, :, None]
        frames = frames.contiguous(memory_format=torch.channels_last)
        samples: Tensor = self._generator(frames, g=speakers.to(self.device)[:, :, None])
        return samples[:, 0, 0]

    def warm_up(self, lengths: list[int]) -> None:
        """Vocode windows of these lengths in batches of every size, so that a GPU's memory and plans are there."""
        if self._stream is None:
            return
        dim, speaker = self._generator.conv_pre.in_channels, self._generator.cond_layer.in_channels
        for length in lengths:
            for rows in range(self.at_once, 0, -1):
                frames = torch.zeros(rows, length, dim, device=self.device)
                self.start(frames, torch.zeros(rows, speaker, 1)).samples()


def context_frames(generator: Any) -> int:
    """The receptive field in frames to each side: the half-widths of all convolutions, at their own rates."""
    field = _half_width(generator.conv_pre)
    rate = 1.0  # samples of the current layer per frame
    blocks_per_stage = generator.num_kernels
    for stage, up in enumerate(generator.ups):
        field += math.ceil((up.kernel_size[0] - up.stride[0]) / 2 / up.stride[0]) / rate
        rate *= up.stride[0]
        blocks = generator.resblocks[stage * blocks_per_stage : (stage + 1) * blocks_per_stage]
        field += max(sum(map(_half_width, [*block.convs1, *block.convs2])) for block in blocks) / rate
    return math.ceil(field + _half_width(generator.conv_post) / rate)


def _half_width(conv: Any) -> float:
    return conv.dilation[0] * (conv.kernel_size[0] - 1) / 2


def _in_two_dimensions(module: Any) -> Any:
    """A twin of the module whose convolutions are `_Conv`."""
    if isinstance(module, nn.Conv1d | nn.ConvTranspose1d):
        return _Conv(module, torch.float32)
    twin = copy.copy(module)
    twin._modules = {name: _in_two_dimensions(part) for name, part in module.named_children()}
    return twin


class _ResBlock(nn.Module):
    """Upstream's ResBlock1. Its convolutions are computed in `dtype`, its sums in float32."""

    def __init__(self, block: ResBlock1, dtype: torch.dtype) -> None:
        super().__init__()
        pairs = zip(block.convs1, block.convs2, strict=True)
        self._pairs = [(_Conv(first, dtype), _Conv(second, dtype)) for first, second in pairs]
        self._dtype = dtype

    def forward(self, x: Tensor) -> Tensor:
        for first, second in self._pairs:
            inner = first(F.leaky_relu(x, LRELU_SLOPE).to(self._dtype))
            x = x + second(F.leaky_relu_(inner, LRELU_SLOPE))
        return x


class _Conv(nn.Module):
    """A one-dimensional convolution over (rows, channels, 1, time), weight norm folded."""

    def __init__(self, conv: nn.Conv1d | nn.ConvTranspose1d, dtype: torch.dtype) -> None:
        super().__init__()
        self.in_channels = conv.in_channels
        weight = conv.weight.detach()[:, :, None].to(dtype)
        self.weight = nn.Parameter(weight.contiguous(memory_format=torch.channels_last), requires_grad=False)
        self.bias = None if conv.bias is None else nn.Parameter(conv.bias.detach().to(dtype), requires_grad=False)
        self._stride, self._padding = (1, conv.stride[0]), (0, int(conv.padding[0]))
        self._dilation = (1, conv.dilation[0])
        self._transposed = isinstance(conv, nn.ConvTranspose1d)

    def forward(self, x: Tensor) -> Tensor:
        if self._transposed:
            return F.conv_transpose2d(x, self.weight, self.bias, self._stride, self._padding)
        return F.conv2d(x, self.weight, self.bias, self._stride, self._padding, self._dilation)
