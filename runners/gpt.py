"""The autoregressive half of XTTS over slots: a batched prefill and a decode step, both on one preallocated KV cache.

It runs upstream's own modules (TTS/tts/layers/xtts/gpt.py and the GPT-2 blocks of transformers); what is new is that
every slot has its own length, so sequences of any age share a step. It knows nothing of sampling, scheduling or text.
"""

from collections import defaultdict
from collections.abc import Sequence as Items
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

# A matrix product's rounding depends on its shape. These keep a row's shapes the same in any company, so that its bits
# are: at least so many rows in every product, attention over spans and prefills over lengths in whole steps.
MIN_ROWS = 4
SPAN_STEP = 64
PREFILL_STEP = 32


class GPT:
    """Upstream's GPT with `slots` independent caches.

    A step's hidden state, after both final norms, is at once what the code is drawn from and the latent that the
    vocoder speaks: upstream computes the same values again in a second full pass.
    """

    def __init__(self, gpt: Any, slots: int, conditioning_length: int) -> None:
        """`gpt`: `Xtts.gpt` in eval mode. `conditioning_length`: latent vectors that stand before the text (32)."""
        self._gpt = gpt
        self._blocks = gpt.gpt.h
        self.slots = slots
        self.max_codes = int(gpt.max_gen_mel_tokens)  # 602 for 605: upstream keeps three for itself
        self.start_code = int(gpt.start_audio_token)
        self.stop_code = int(gpt.stop_audio_token)
        self.codes = int(gpt.num_audio_tokens)
        weight = gpt.mel_head.weight
        self.device: torch.device = weight.device
        self.dtype: torch.dtype = weight.dtype
        attention = self._blocks[0].attn
        self._heads, self._head_dim = attention.num_heads, attention.head_dim
        capacity = _round_up(conditioning_length + int(gpt.max_text_tokens) + self.max_codes + 1, SPAN_STEP)
        rows = max(slots, MIN_ROWS)
        shape = (len(self._blocks), rows, self._heads, capacity, self._head_dim)
        self._keys = torch.zeros(shape, device=self.device, dtype=self.dtype)
        self._values = torch.zeros(shape, device=self.device, dtype=self.dtype)
        self._lengths = torch.ones(rows, dtype=torch.int64, device=self.device)  # cached positions; 1 when vacant
        self._steps = torch.zeros(rows, dtype=torch.int64, device=self.device)  # mel positions fed, start included
        self._positions = torch.arange(capacity, device=self.device)
        self._longest = [1] * rows  # the same lengths on the host, so that a step needs no transfer to know its span

    @torch.inference_mode()
    def prefill(self, slots: Items[int], texts: Items[Tensor], conditionings: Items[Tensor]) -> Tensor:
        """Fill the caches of `slots` with voice, text and start code.

        texts: int64 (tokens,) each, without start and stop; conditionings: (1, conditioning_length, dim) each.
        Returns hidden (len(slots), dim): the states that the first codes are drawn from. Those of about equal length
        share a batch.
        """
        prefixes = [self._prefix(*pair) for pair in zip(texts, conditionings, strict=True)]
        hidden = torch.empty(len(slots), self._gpt.model_dim, device=self.device, dtype=self.dtype)
        batches: dict[int, list[int]] = defaultdict(list)
        for row, prefix in enumerate(prefixes):
            batches[_round_up(len(prefix), PREFILL_STEP)].append(row)
        for time, batch in batches.items():
            hidden[batch] = self._prefill([slots[row] for row in batch], [prefixes[row] for row in batch], time)
        return hidden

    def _prefill(self, slots: list[int], prefixes: list[Tensor], time: int) -> Tensor:
        """Prefixes of up to `time` positions: (len(slots), dim)."""
        lengths = torch.tensor([len(prefix) for prefix in prefixes], device=self.device)
        rows = torch.tensor(slots, device=self.device)
        # Padding stands behind the shorter rows, where the causal mask hides it from every real position.
        x = torch.stack([F.pad(prefix, (0, 0, 0, time - len(prefix))) for prefix in prefixes])  # (rows, time, dim)
        for layer, block in enumerate(self._blocks):
            query, key, value = self._project(block, x)  # (rows, heads, time, head_dim)
            self._keys[layer, rows, :, :time] = key
            self._values[layer, rows, :, :time] = value
            x = self._finish(block, x, F.scaled_dot_product_attention(query, key, value, is_causal=True))
        self._lengths[rows] = lengths
        self._steps[rows] = 1
        for slot, prefix in zip(slots, prefixes, strict=True):
            self._longest[slot] = len(prefix)
        return self._norm(x[torch.arange(len(slots), device=self.device), lengths - 1])

    @torch.inference_mode()
    def decode(self, slots: Items[int], codes: Tensor) -> Tensor:
        """Feed each of `slots` its last code: int64 (len(slots),) to hidden (len(slots), dim).

        The step runs over the first `max(slots) + 1` rows, as views of the cache. Vacant ones among them are computed
        too, on whatever they hold; nobody reads them.
        """
        rows = max(*slots, MIN_ROWS - 1) + 1
        live = torch.tensor(slots, device=self.device)
        for slot in slots:
            self._longest[slot] += 1
        span = _round_up(max(self._longest[:rows]), SPAN_STEP)
        every, lengths = self._positions[:rows], self._lengths[:rows]
        mask = (self._positions[:span] <= lengths[:, None])[:, None, None]  # (rows, 1, 1, span)
        fed = torch.zeros(rows, dtype=torch.int64, device=self.device).index_copy_(0, live, codes)
        x = self._gpt.mel_embedding(fed) + self._gpt.mel_pos_embedding.emb(self._steps[:rows])
        x = x[:, None]  # (rows, 1, dim)
        for layer, block in enumerate(self._blocks):
            query, key, value = self._project(block, x)  # (rows, heads, 1, head_dim)
            self._keys[layer, every, :, lengths] = key[:, :, 0]
            self._values[layer, every, :, lengths] = value[:, :, 0]
            keys, values = self._keys[layer, :rows, :, :span], self._values[layer, :rows, :, :span]
            x = self._finish(block, x, F.scaled_dot_product_attention(query, keys, values, attn_mask=mask))
        self._lengths[live] += 1
        self._steps[live] += 1
        return self._norm(x[live, 0])

    @torch.inference_mode()
    def logits(self, hidden: Tensor) -> Tensor:
        """(rows, dim) to float32 (rows, codes)."""
        padded = F.pad(hidden, (0, 0, 0, max(MIN_ROWS - len(hidden), 0)))
        logits: Tensor = self._gpt.mel_head(padded)[: len(hidden)]
        return logits.float()

    def latents_buffer(self) -> Tensor:
        """Room for the hidden states of every slot's steps: (slots, max_codes, dim)."""
        dim = self._gpt.model_dim
        return torch.zeros(self.slots, self.max_codes, dim, device=self.device, dtype=self.dtype)

    def vacate(self, slot: int) -> None:
        """The slot's sequence is gone; the slot stays cheap until the next one takes it."""
        self._lengths[slot] = 1
        self._steps[slot] = 0
        self._longest[slot] = 1

    def wipe(self, slot: int) -> None:
        """Zero the slot's cache. A NaN left in it would reach the next sequence there: masked positions count as zero
        times what they hold."""
        self._keys[:, slot] = 0
        self._values[:, slot] = 0

    def _prefix(self, text: Tensor, conditioning: Tensor) -> Tensor:
        """Voice, [START] text [STOP], start code: (time, dim)."""
        gpt = self._gpt
        text = text.to(self.device)
        text = F.pad(F.pad(text, (1, 0), value=gpt.start_text_token), (0, 1), value=gpt.stop_text_token)
        start = torch.tensor([self.start_code], device=self.device)
        return torch.cat(
            [
                conditioning[0].to(self.device, self.dtype),
                gpt.text_embedding(text) + gpt.text_pos_embedding.emb(self._positions[: len(text)]),
                gpt.mel_embedding(start) + gpt.mel_pos_embedding.emb(self._positions[:1]),
            ]
        )

    def _project(self, block: Any, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(rows, time, dim) to query, key and value, each (rows, heads, time, head_dim)."""
        rows, time, _ = x.shape
        joined = block.attn.c_attn(block.ln_1(x)).view(rows, time, 3, self._heads, self._head_dim)
        query, key, value = joined.permute(2, 0, 3, 1, 4)
        return query, key, value

    def _finish(self, block: Any, x: Tensor, attended: Tensor) -> Tensor:
        """The block's residual sums: (rows, time, dim)."""
        x = x + block.attn.c_proj(attended.transpose(1, 2).flatten(2))
        return x + block.mlp(block.ln_2(x))

    def _norm(self, hidden: Tensor) -> Tensor:
        return self._gpt.final_norm(self._gpt.gpt.ln_f(hidden))


def _round_up(length: int, step: int) -> int:
    return -(-length // step) * step
