"""GPT-2's blocks over slots, on one preallocated KV cache, in torch on any device.

Every slot has its own length, so sequences of any age share a step.
"""

import logging
import math
from collections import defaultdict
from collections.abc import Sequence as Items
from typing import Protocol

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from runners.xtts.gpt2 import Block

# A matrix product's rounding depends on its shape. These keep a row's shapes the same in any company, so that its bits
# are: at least so many rows in every product, attention over spans and prefills over lengths in whole steps.
MIN_ROWS = 4
SPAN_STEP = 64
PREFILL_STEP = 32
PREFILL_POSITIONS = 16_384  # in one batch: bounds its memory
VACANT = 1  # length of a slot that has no sequence: a prefix is longer

log = logging.getLogger(__name__)


class Transformer(Protocol):
    """What decodes: blocks and cache. Rows and states are float32 (rows, dim), whatever it computes in."""

    capacity: int  # positions of a slot
    min_rows: int  # in a step
    weight_bytes: int  # read by every step
    position_bytes: int  # of the cache, for each position of a sequence

    def prefill(self, slots: Items[int], prefixes: Items[Tensor]) -> Tensor:
        """Prefixes (time, dim) into the caches of `slots`; the states of their last positions."""
        ...

    def decode(self, x: Tensor, lengths: Tensor, span: int) -> Tensor:
        """One position more for the slots `0 .. rows - 1`: x stands behind `lengths` cached ones, all under `span`.
        Nobody reads the states of those whose length is VACANT."""
        ...

    def wipe(self, slot: int) -> None:
        """Let nothing of a slot that went wrong reach the next sequence there."""
        ...


class TorchTransformer:
    """Products and cache in `dtype`; norms and the residual stream stay in float32."""

    min_rows = MIN_ROWS

    def __init__(
        self, blocks: Items[Block], slots: int, capacity: int, dtype: torch.dtype, *, flash: bool = False
    ) -> None:
        """Casts the matrices of `blocks` to `dtype` in place. `flash`: see `flash_works`."""
        self._blocks = blocks
        self._dtype = dtype
        attention = blocks[0].attn
        if attention.c_attn.weight.dtype != dtype:
            for block in blocks:
                block.attn.to(dtype)
                block.mlp.to(dtype)
        self._heads, self._head_dim = attention.num_heads, attention.head_dim
        self.capacity = _round_up(capacity, SPAN_STEP)
        device = attention.c_attn.weight.device
        shape = (len(blocks), slots, self.capacity, self._heads, self._head_dim)
        self._keys = _zeros(shape, device, dtype)
        self._values = _zeros(shape, device, dtype)
        self._positions = torch.arange(max(self.capacity, slots + 1), device=device)
        matrices = (p for block in blocks for part in (block.attn, block.mlp) for p in part.parameters())
        self.weight_bytes = sum(p.numel() * p.element_size() for p in matrices)
        self.position_bytes = position_bytes(blocks, dtype)
        self.reads_live_lengths = flash

    def prefill(self, slots: Items[int], prefixes: Items[Tensor]) -> Tensor:
        """Those of about equal length share a batch."""
        states = torch.empty(len(slots), prefixes[0].shape[1], device=self._keys.device)
        batches: dict[int, list[int]] = defaultdict(list)
        for row, prefix in enumerate(prefixes):
            batches[_round_up(len(prefix), PREFILL_STEP)].append(row)
        for time, every in batches.items():
            at_once = max(PREFILL_POSITIONS // time, 1)
            for batch in (every[at : at + at_once] for at in range(0, len(every), at_once)):
                states[batch] = self._prefill([slots[row] for row in batch], [prefixes[row] for row in batch], time)
        return states

    def _prefill(self, slots: list[int], prefixes: list[Tensor], time: int) -> Tensor:
        """Prefixes of up to `time` positions."""
        rows = torch.tensor(slots, device=self._keys.device)
        # Padding stands behind the shorter rows, where the causal mask hides it from every real position.
        x = torch.stack([F.pad(prefix, (0, 0, 0, time - len(prefix))) for prefix in prefixes])  # (rows, time, dim)
        for layer, block in enumerate(self._blocks):
            query, key, value = self._project(block, x)  # (rows, time, heads, head_dim)
            self._keys[layer, rows, :time] = key
            self._values[layer, rows, :time] = value
            query, key, value = (part.transpose(1, 2) for part in (query, key, value))
            attended = F.scaled_dot_product_attention(query, key, value, is_causal=True)
            x = self._finish(block, x, attended.transpose(1, 2))
        last = torch.tensor([len(prefix) - 1 for prefix in prefixes], device=x.device)
        return x[torch.arange(len(slots), device=x.device), last]

    def decode(self, x: Tensor, lengths: Tensor, span: int) -> Tensor:
        rows = len(x)
        every = self._positions[:rows]
        hidden = self._positions[:span] > lengths[:, None]
        mask = torch.zeros(rows, span, device=x.device, dtype=self._dtype).masked_fill_(hidden, -torch.inf)
        x = x[:, None]  # (rows, 1, dim)
        for layer, block in enumerate(self._blocks):
            query, key, value = self._project(block, x)  # (rows, 1, heads, head_dim)
            self._keys[layer, every, lengths] = key[:, 0]
            self._values[layer, every, lengths] = value[:, 0]
            if self.reads_live_lengths:
                attended = _flash(query[:, 0], self._keys[layer, :rows], self._values[layer, :rows], lengths + 1)
            else:
                keys, values = self._keys[layer, :rows, :span], self._values[layer, :rows, :span]
                attended = _masked(query, keys, values, mask)
            x = self._finish(block, x, attended.view(rows, 1, self._heads, self._head_dim))
        return x[:, 0]

    def wipe(self, slot: int) -> None:
        """Masked positions count as zero times what they hold, and zero times NaN is NaN."""
        self._keys[:, slot] = 0
        self._values[:, slot] = 0

    def _project(self, block: Block, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(rows, time, dim) to query, key and value, each (rows, time, heads, head_dim)."""
        joined = block.attn.c_attn(block.ln_1(x).to(self._dtype))
        query, key, value = joined.view(*x.shape[:2], 3, self._heads, self._head_dim).unbind(2)
        return query, key, value

    def _finish(self, block: Block, x: Tensor, attended: Tensor) -> Tensor:
        """The block's residual sums: (rows, time, dim). attended: (rows, time, heads, head_dim)."""
        x = x + block.attn.c_proj(attended.flatten(2))
        return x + block.mlp(block.ln_2(x).to(self._dtype))


def position_bytes(blocks: Items[Block], dtype: torch.dtype) -> int:
    """Keys and values of one position of one sequence, over all blocks."""
    attention = blocks[0].attn
    return 2 * len(blocks) * attention.num_heads * attention.head_dim * dtype.itemsize


def _zeros(shape: tuple[int, ...], device: torch.device, dtype: torch.dtype) -> Tensor:
    """On a CPU, memory that is only there once it is written to: a sequence takes what it is long."""
    if device.type != "cpu":
        return torch.zeros(shape, device=device, dtype=dtype)
    raw = np.zeros(math.prod(shape) * dtype.itemsize, np.uint8)
    return torch.from_numpy(raw).view(dtype).view(shape)


def _masked(query: Tensor, keys: Tensor, values: Tensor, mask: Tensor) -> Tensor:
    """One query a row over a span of its slot: (rows, 1, heads, head_dim) by (rows, span, heads, head_dim)."""
    attended = F.scaled_dot_product_attention(
        query.transpose(1, 2), keys.transpose(1, 2), values.transpose(1, 2), attn_mask=mask[:, None, None]
    )
    return attended.transpose(1, 2)


def _flash(query: Tensor, keys: Tensor, values: Tensor, lengths: Tensor) -> Tensor:
    """One query a row over the first `lengths` positions of its slot, and no memory beyond them is read.

    query: (rows, heads, head_dim); keys, values: (rows, capacity, heads, head_dim). FlashAttention for sequences of
    unequal length, each of which starts where its slot does.
    """
    rows, capacity = keys.shape[:2]
    starts = torch.arange(rows + 1, device=query.device, dtype=torch.int32)
    attended: Tensor = torch.ops.aten._flash_attention_forward(
        query,
        keys.flatten(0, 1),
        values.flatten(0, 1),
        starts,
        starts * capacity,
        1,
        capacity,
        0.0,
        False,
        False,
        seqused_k=lengths.to(torch.int32),
    )[0]
    return attended


def flash_works(blocks: Items[Block], dtype: torch.dtype) -> bool:
    """Whether this GPU's FlashAttention does what `_flash` needs. Otherwise a mask over the longest span serves."""
    attention = blocks[0].attn
    heads, head_dim, device = attention.num_heads, attention.head_dim, attention.c_attn.weight.device
    if device.type != "cuda" or dtype not in (torch.float16, torch.bfloat16):
        return False
    query, keys, values = (torch.randn(2, time, heads, head_dim, device=device, dtype=dtype) for time in (1, 256, 256))
    lengths = torch.tensor([5, 200], device=device)
    hidden = torch.arange(256, device=device) >= lengths[:, None]
    mask = torch.zeros(2, 256, device=device, dtype=dtype).masked_fill_(hidden, -torch.inf)
    try:
        flash = _flash(query[:, 0], keys, values, lengths)
    except RuntimeError as error:
        log.info("No FlashAttention over unequal lengths here (%s): masks are used", error)
        return False
    return torch.allclose(flash, _masked(query, keys, values, mask)[:, 0], atol=2e-2)


def _round_up(length: int, step: int) -> int:
    return -(-length // step) * step
