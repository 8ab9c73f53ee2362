"""Leaves out the vocoder's channels that are always zero.

Upstream fixes the vocoder's widths. A voice that was trained narrower, as the demo voice is, comes filled up with
zeros, which take as long to compute as any other numbers.
"""

import copy
from typing import Any

import torch
from torch import Tensor, nn

_Conv = nn.Conv1d | nn.ConvTranspose1d


def without_silent_channels(generator: Any) -> Any:
    """A twin of the `HifiganGenerator` with the same samples, without weight norm. The given one is left as it is."""
    twin = _twin(generator)
    live = _live(generator.conv_pre, generator.cond_layer)
    twin.conv_pre = _cut(generator.conv_pre, live)
    twin.cond_layer = _cut(generator.cond_layer, live)
    twin.ups, twin.conds, twin.resblocks = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
    kernels = generator.num_kernels
    for stage, (up, cond) in enumerate(zip(generator.ups, generator.conds, strict=True)):
        blocks = generator.resblocks[stage * kernels : (stage + 1) * kernels]
        before, live = live, _live(up, cond, *(conv for block in blocks for conv in block.convs2))
        twin.ups.append(_cut(up, live, before))
        twin.conds.append(_cut(cond, live))
        twin.resblocks.extend(_cut_block(block, live) for block in blocks)
    twin.conv_post = _cut(generator.conv_post, inputs=live)
    return twin


def _cut_block(block: Any, live: Tensor) -> Any:
    twin = _twin(block)
    twin.convs1, twin.convs2 = nn.ModuleList(), nn.ModuleList()
    for first, second in zip(block.convs1, block.convs2, strict=True):
        inner = _live(first) if _weight(second)[live].any() else torch.tensor([0])
        twin.convs1.append(_cut(first, inner, live))
        twin.convs2.append(_cut(second, live, inner))
    return twin


def _twin(module: Any) -> Any:
    twin = copy.copy(module)
    twin._modules = dict(module._modules)
    return twin


def _weight(conv: _Conv) -> Tensor:
    """(out, in, kernel)"""
    weight = conv.weight.detach()
    return weight.transpose(0, 1) if isinstance(conv, nn.ConvTranspose1d) else weight


def _live(*convs: _Conv) -> Tensor:
    """The output channels in which any of the convolutions puts something; at least one."""
    live = torch.stack(
        [_weight(conv).flatten(1).any(1) | (False if conv.bias is None else conv.bias != 0) for conv in convs]
    ).any(0)
    return live.nonzero()[:, 0] if live.any() else torch.tensor([0])


def _cut(conv: _Conv, outputs: Tensor | None = None, inputs: Tensor | None = None) -> _Conv:
    """The convolution between these channels; None: all of them."""
    weight, bias = _weight(conv), conv.bias
    if outputs is not None:
        weight, bias = weight[outputs], None if bias is None else bias[outputs]
    if inputs is not None:
        weight = weight[:, inputs]
    is_transposed = isinstance(conv, nn.ConvTranspose1d)
    kind = nn.ConvTranspose1d if is_transposed else nn.Conv1d
    shape = (conv.kernel_size, conv.stride, conv.padding, conv.dilation)
    size, stride, padding, dilation = (int(each[0]) for each in shape)
    cut = kind(weight.shape[1], weight.shape[0], size, stride, padding, dilation=dilation)
    cut.weight = nn.Parameter(weight.transpose(0, 1) if is_transposed else weight, requires_grad=False)
    cut.bias = None if bias is None else nn.Parameter(bias.detach(), requires_grad=False)
    return cut
