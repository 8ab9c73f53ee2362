"""GPT-2's blocks quantised to 10-bit weights, and the cache of all slots."""

import threading
from collections.abc import Sequence as Items
from typing import Any

import numba
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from runners.xtts.gpt2 import Block
from runners.xtts.int10.kernels import Cache, Linear, Norm, Weights, forward
from runners.xtts.int10.tile import WEIGHT_LIMIT, pack
from runners.xtts.transformer import position_bytes

ROWS_AT_ONCE = 256  # bounds the working memory of a long prefill; has no influence on results


class Int10Transformer:
    """A Transformer (see runners/xtts/transformer.py): weights of 10 bits by column, activations of 16 by row, their
    products exact, the cache bfloat16, everything else float32."""

    min_rows = 1

    def __init__(self, blocks: Items[Block], slots: int, capacity: int) -> None:
        """Takes the weights out of `blocks` (float32), so that they are not there twice."""
        attention = blocks[0].attn
        self._weights = Weights(
            _norms([block.ln_1 for block in blocks]),
            _linears([block.attn.c_attn for block in blocks]),
            _linears([block.attn.c_proj for block in blocks]),
            _norms([block.ln_2 for block in blocks]),
            _linears([block.mlp.c_fc for block in blocks]),
            _linears([block.mlp.c_proj for block in blocks]),
        )
        self.capacity = capacity
        shape = (len(blocks), slots, attention.num_heads, capacity, attention.head_dim)
        self._cache = Cache(np.zeros(shape, np.uint16), np.zeros(shape, np.uint16))
        threads: int = numba.get_num_threads()
        self._workers = min(threads, attention.num_heads)
        arrays = (part for group in self._weights for part in group if isinstance(part, np.ndarray))
        self.weight_bytes = sum(array.nbytes for array in arrays)
        self.position_bytes = position_bytes(blocks, torch.bfloat16)
        self.prefill(
            [0], [torch.zeros(1, attention.num_heads * attention.head_dim)]
        )  # compiles what is not compiled yet: now, not later

    def prefill(self, slots: Items[int], prefixes: Items[Tensor]) -> Tensor:
        lengths = [len(prefix) for prefix in prefixes]
        positions = np.concatenate([np.arange(length) for length in lengths])
        states = self._forward(torch.cat(list(prefixes)), np.repeat(np.asarray(slots), lengths), positions)
        return states[np.cumsum(lengths) - 1]

    def decode(self, x: Tensor, lengths: Tensor, span: int) -> Tensor:
        return self._forward(x, np.arange(len(x)), lengths.numpy())

    def wipe(self, slot: int) -> None:
        """Nothing to do: what lies beyond a sequence's length is never read."""

    def _forward(self, x: Tensor, slots: NDArray[np.int64], positions: NDArray[np.int64]) -> Tensor:
        out = x.numpy().copy()
        with _ONE_AT_A_TIME:
            numba.set_num_threads(self._workers)
            for at in range(0, len(out), ROWS_AT_ONCE):
                rows = slice(at, at + ROWS_AT_ONCE)
                forward(out[rows], slots[rows], positions[rows], self._weights, self._cache, self._workers)
        return torch.from_numpy(out)


_ONE_AT_A_TIME = threading.Lock()  # numba's simplest threading layer allows one parallel call in a process


def _norms(norms: Items[Any]) -> Norm:
    return Norm(_stack([norm.weight for norm in norms]), _stack([norm.bias for norm in norms]), float(norms[0].eps))


def _linears(modules: Items[Any]) -> Linear:
    """`modules`: Affine, whose weight is (inputs, columns)."""
    packed, scales = [], []
    for module in modules:
        weight = module.weight.detach().numpy().T
        scale = np.abs(weight).max(axis=1, keepdims=True) / np.float32(WEIGHT_LIMIT)
        scale[scale == 0] = 1
        packed.append(pack(np.rint(weight / scale).astype(np.int16)))
        scales.append(scale[:, 0])
        module.weight = None
    return Linear(np.stack(packed), np.stack(scales), _stack([module.bias for module in modules]))


def _stack(tensors: Items[Tensor]) -> NDArray[np.float32]:
    return np.stack([tensor.detach().numpy() for tensor in tensors])
