"""GPT-2's blocks quantised to 10-bit weights, and the cache of all slots.

A position's keys and values depend on the inputs up to there and on nothing else, to the last bit. So a prefix that
begins as another slot's does (the same voice; the same text with another seed) takes that part from there.
"""

import threading
from collections.abc import Sequence as Items
from typing import Any

import numba
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from runners.xtts.gpt2 import Block
from runners.xtts.int10.kernels import Cache, Floats, Linear, Norm, Weights, forward
from runners.xtts.int10.tile import WEIGHT_LIMIT, pack
from runners.xtts.transformer import VACANT, position_bytes

ROWS_AT_ONCE = 256  # bounds the working memory of a long prefill; has no influence on results
ENOUGH = 8  # positions to copy for which it pays to wait until another prefix of the same call is computed


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
        self._held: dict[int, Floats] = {}  # inputs of which each slot's first positions hold the keys and values
        threads: int = numba.get_num_threads()
        self._workers = min(threads, attention.num_heads)
        arrays = (part for group in self._weights for part in group if isinstance(part, np.ndarray))
        self.weight_bytes = sum(array.nbytes for array in arrays)
        self.position_bytes = position_bytes(blocks, torch.bfloat16)
        self.prefill(
            [0], [torch.zeros(1, attention.num_heads * attention.head_dim)]
        )  # compiles what is not compiled yet: now, not later

    def prefill(self, slots: Items[int], prefixes: Items[Tensor]) -> Tensor:
        """Positions in which a prefix equals that of another slot, above all the voice's, are copied from there."""
        inputs = [prefix.numpy() for prefix in prefixes]
        states = torch.empty(len(slots), inputs[0].shape[1])
        left = list(range(len(slots)))
        while left:
            now: list[int] = []
            later: list[int] = []
            for row in left:
                held = max((_shared(inputs[row], other) for other in self._held.values()), default=0)
                coming = max((_shared(inputs[row], inputs[other]) for other in now), default=0)
                (later if coming >= held + ENOUGH else now).append(row)
            states[now] = self._prefill([slots[row] for row in now], [inputs[row] for row in now])
            left = later
        return states

    def _prefill(self, slots: Items[int], prefixes: Items[Floats]) -> Tensor:
        copied = [self._copy_shared(*each) for each in zip(slots, prefixes, strict=True)]
        positions = [np.arange(known, len(prefix)) for known, prefix in zip(copied, prefixes, strict=True)]
        rows = [prefix[known:] for known, prefix in zip(copied, prefixes, strict=True)]
        lengths = [len(each) for each in rows]
        states = self._forward(np.concatenate(rows), np.repeat(np.asarray(slots), lengths), np.concatenate(positions))
        self._held.update(zip(slots, prefixes, strict=True))
        return states[np.cumsum(lengths) - 1]

    def _copy_shared(self, slot: int, prefix: Floats) -> int:
        """Into the slot's cache, from the one that shares most with it: how many positions. The last is computed."""
        most = ((_shared(prefix, held), other == slot, other) for other, held in self._held.items())
        shared, _, source = max(most, default=(0, True, slot))
        shared = min(shared, len(prefix) - 1)
        self._held.pop(slot, None)  # until what it holds is known again
        if source != slot:
            for cached in self._cache:
                cached[:, slot, :, :shared] = cached[:, source, :, :shared]
        self._held[slot] = prefix[:shared]
        return shared

    def decode(self, x: Tensor, lengths: Tensor, span: int) -> Tensor:
        """Vacant rows are left out: what their slots hold may be the next one's."""
        occupied = (lengths > VACANT).numpy().nonzero()[0]
        states = torch.zeros_like(x)
        states[occupied] = self._forward(x.numpy()[occupied], occupied, lengths.numpy()[occupied])
        return states

    def wipe(self, slot: int) -> None:
        """What lies beyond a sequence's length is never read; only its prefix may be, and is forgotten."""
        self._held.pop(slot, None)

    def _forward(self, out: Floats, slots: NDArray[np.int64], positions: NDArray[np.int64]) -> Tensor:
        """The states of `out` (rows, dim), which they replace."""
        with _ONE_AT_A_TIME:
            numba.set_num_threads(self._workers)
            for at in range(0, len(out), ROWS_AT_ONCE):
                rows = slice(at, at + ROWS_AT_ONCE)
                forward(out[rows], slots[rows], positions[rows], self._weights, self._cache, self._workers)
        return torch.from_numpy(out)


def _shared(one: Floats, other: Floats) -> int:
    """Positions from the first on in which both are equal."""
    if not (one[:1] == other[:1]).all():
        return 0
    length = min(len(one), len(other))
    equal = (one[:length] == other[:length]).all(1)
    return length if equal.all() else int(equal.argmin())


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
