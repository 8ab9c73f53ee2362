"""The other half of XTTS: frames to samples by upstream's HiFi-GAN, in batches of equal windows."""

import copy
import math
from collections.abc import Sequence as Items
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
        self._reaches = reaches(generator)
        self.context = self._reaches[0]  # frames
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
    def start(self, frames: Tensor, speakers: Tensor, spans: Items[tuple[int, int]]) -> PendingAudio:
        """Begin to vocode windows, `context` frames at each side included: see `vocode`."""
        if self._stream is None:
            return PendingAudio(self.vocode(frames, speakers, self.context, spans), None)
        self._stream.wait_stream(torch.cuda.current_stream(self.device))
        with torch.cuda.stream(self._stream):
            samples = self.vocode(frames, speakers, self.context, spans)
            host = torch.empty(samples.shape, pin_memory=True).copy_(samples, non_blocking=True)
            frames.record_stream(self._stream)
            return PendingAudio(host, self._stream.record_event())

    @torch.inference_mode()
    def vocode(
        self, frames: Tensor, speakers: Tensor, context: int = 0, spans: Items[tuple[int, int]] | None = None
    ) -> Tensor:
        """(rows, time, dim) frames and (rows, 512, 1) speaker embeddings to float32 samples, without those of the
        `context` frames at each side: (rows, (time - 2 x context) x hop).

        `spans`: (first, end) of each row's utterance among its frames; the others hold zeros. None: all belong to it.
        """
        generator, speakers = self._generator, speakers.to(self.device)[:, :, None]
        x = frames.to(self.device).transpose(1, 2)[:, :, None].contiguous(memory_format=torch.channels_last)
        edges = _Edges(context, x.shape[3], spans or [], self.device)
        x = edges.clear(generator.conv_pre(x) + generator.cond_layer(speakers))
        for stage, (up, cond) in enumerate(zip(generator.ups, generator.conds, strict=True)):
            x = up(F.leaky_relu(x, LRELU_SLOPE)) + cond(speakers)
            edges = edges.upsampled(up.stride, self._reaches[stage + 1])
            x = edges.clear(x[..., edges.cut : x.shape[3] - edges.cut])
            x = self._mix(x, stage, edges)
        samples = torch.tanh(generator.conv_post(F.leaky_relu(x)))[:, 0, 0]
        return samples[:, edges.context : samples.shape[1] - edges.context]

    def _mix(self, x: Tensor, stage: int, edges: "_Edges") -> Tensor:
        """The mean of what the stage's residual blocks make of x."""
        kernels = self._generator.num_kernels
        first, *others = self._generator.resblocks[stage * kernels : (stage + 1) * kernels]
        mixed: Tensor = first(x, edges)
        for block in others:
            mixed += block(x, edges)
        return mixed / kernels

    def warm_up(self, sizes: Items[int]) -> None:
        """Vocode windows of these sizes in batches of every size, so that a GPU's memory and plans are there."""
        if self._stream is None:
            return
        dim, speaker = self._generator.conv_pre.in_channels, self._generator.cond_layer.in_channels
        for length in (size + 2 * self.context for size in sizes):
            for rows in range(self.at_once, 0, -1):
                frames = torch.zeros(rows, length, dim, device=self.device)
                self.start(frames, torch.zeros(rows, speaker, 1), [(1, length - 1)] * rows).samples()


class _Edges:
    """What lies at a window's sides, in samples of the layer at hand: context, and what is beyond the utterance."""

    def __init__(
        self, context: int, length: int, spans: Items[tuple[int, int]], device: torch.device, cut: int = 0
    ) -> None:
        self.context = context
        self.cut = cut  # at each side: no later layer reads it
        self._length, self._spans, self._device = length, spans, device
        self._outside: Tensor | None = None  # of several rows (rows, 1, 1, length): all of them in one operation
        if len(spans) > 1 and any(first > 0 or last < length for first, last in spans):
            first, last = torch.tensor(spans, device=device)[:, :, None, None, None].unbind(1)
            at = torch.arange(length, device=device)
            self._outside = (at < first) | (at >= last)

    def upsampled(self, factor: int, reach: int) -> "_Edges":
        """After a layer that makes `factor` samples of each; later ones read `reach` of them to each side."""
        context, length = self.context * factor, self._length * factor
        cut = max(context - reach, 0)
        spans = [(max(first * factor - cut, 0), max(last * factor - cut, 0)) for first, last in self._spans]
        return _Edges(context - cut, length - 2 * cut, spans, self._device, cut)

    def clear(self, x: Tensor) -> Tensor:
        """Zeros beyond each row's utterance, in place: what a convolution's padding is at its ends in a full pass."""
        if self._outside is not None:
            return x.masked_fill_(self._outside, 0)
        for first, last in self._spans if len(self._spans) == 1 else ():
            x[..., :first] = 0
            x[..., last:] = 0
        return x


def reaches(generator: Any) -> list[int]:
    """The receptive field to each side: in frames, then after each stage's upsampling in samples there.

    The half-widths of all convolutions that follow, each at its own rate.
    """
    reach, found = _half_width(generator.conv_post), []
    blocks_per_stage = generator.num_kernels
    for stage, up in reversed(list(enumerate(generator.ups))):
        blocks = generator.resblocks[stage * blocks_per_stage : (stage + 1) * blocks_per_stage]
        reach += max(sum(map(_half_width, [*block.convs1, *block.convs2])) for block in blocks)
        found.append(reach)
        (kernel,), (stride,) = up.kernel_size, up.stride
        reach = math.ceil(reach / stride) + math.ceil((kernel - stride) / 2 / stride)
    return [reach + _half_width(generator.conv_pre), *reversed(found)]


def _half_width(conv: Any) -> int:
    half: int = conv.dilation[0] * (conv.kernel_size[0] - 1) // 2  # all kernels are odd
    return half


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

    def forward(self, x: Tensor, edges: _Edges) -> Tensor:
        for first, second in self._pairs:
            inner = edges.clear(first(F.leaky_relu(x, LRELU_SLOPE).to(self._dtype)))
            x = x + edges.clear(second(F.leaky_relu_(inner, LRELU_SLOPE)))
        return x


class _Conv(nn.Module):
    """A one-dimensional convolution over (rows, channels, 1, time), weight norm folded."""

    def __init__(self, conv: nn.Conv1d | nn.ConvTranspose1d, dtype: torch.dtype) -> None:
        super().__init__()
        self.in_channels = conv.in_channels
        weight = conv.weight.detach()[:, :, None].to(dtype)
        self.weight = nn.Parameter(weight.contiguous(memory_format=torch.channels_last), requires_grad=False)
        self.bias = None if conv.bias is None else nn.Parameter(conv.bias.detach().to(dtype), requires_grad=False)
        self.stride = int(conv.stride[0])
        self._padding = (0, int(conv.padding[0]))
        self._dilation = (1, conv.dilation[0])
        self._transposed = isinstance(conv, nn.ConvTranspose1d)

    def forward(self, x: Tensor) -> Tensor:
        if self._transposed:
            return F.conv_transpose2d(x, self.weight, self.bias, (1, self.stride), self._padding)
        return F.conv2d(x, self.weight, self.bias, (1, self.stride), self._padding, self._dilation)
