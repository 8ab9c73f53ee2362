"""Slots in which sequences are decoded: for each its cached length, its latents, its sampling and its last code.

One step draws one code for every occupied slot. All of it stays on the device; the codes alone come back. It knows
nothing of queues, windows or samples.
"""

from collections.abc import Sequence as Items

import torch
from torch import Tensor

from runners.xtts.gpt import GPT, LATENTS
from runners.xtts.graphs import StepGraphs
from runners.xtts.sampling import Sampler, SamplingParams
from runners.xtts.transformer import MIN_ROWS, PREFILL_POSITIONS, SPAN_STEP, VACANT, Transformer

PLACEHOLDER_CODE = 1  # upstream's placeholder for prefix positions, which its repetition penalty counts


class Decoder:
    def __init__(self, gpt: GPT, transformer: Transformer, slots: int) -> None:
        """`transformer` has room for `rows_of(slots)` slots."""
        self._gpt = gpt
        self._transformer = transformer
        self.slots = slots
        self.max_codes, self.stop_code, self.device = gpt.max_codes, gpt.stop_code, gpt.device
        rows = rows_of(slots)
        self._sampler = Sampler(rows, gpt.codes, (PLACEHOLDER_CODE, gpt.start_code), gpt.device)
        self.latents = torch.zeros(rows, gpt.max_codes, gpt.dim, device=gpt.device)  # what each code was drawn from
        self._rows = torch.arange(rows, device=gpt.device)
        self._codes = torch.zeros(rows, dtype=torch.int64, device=gpt.device)  # drawn last, not fed yet
        self._fed = torch.zeros(rows, dtype=torch.int64, device=gpt.device)  # codes fed, the start code included
        self._lengths = torch.full((rows,), VACANT, device=gpt.device)  # positions cached
        self._occupied = torch.zeros(rows, dtype=torch.int64, device=gpt.device)  # 1 or 0
        self._host_lengths = [VACANT] * rows  # the same lengths, so that a step needs no transfer to know its span
        self._graphs: StepGraphs | None = None

    def capture(self) -> None:
        """Before the first request: on a GPU, memory is reserved and steps become graphs. Elsewhere nothing is done."""
        if self.device.type == "cuda":
            self._reserve()
            self._graphs = StepGraphs(self._advance, self.slots, self._transformer)

    @torch.inference_mode()
    def prefill(
        self, slots: Items[int], texts: Items[Tensor], conditionings: Items[Tensor], sampling: Items[SamplingParams]
    ) -> list[int]:
        """New sequences take vacant slots; returns the first code of each.

        texts: int64 (tokens,) each, without start and stop; conditionings: (1, vectors, dim) each. A code of
        NOT_FINITE means that the model's numbers were none.
        """
        prefixes = [self._gpt.prefix(*pair) for pair in zip(texts, conditionings, strict=True)]
        for slot, params in zip(slots, sampling, strict=True):
            self._sampler.seat(slot, params)
        hidden = self._gpt.hidden(self._transformer.prefill(slots, prefixes))
        rows = torch.tensor(slots, device=self.device)
        codes = self._sampler.draw(self._gpt.logits(hidden), rows)
        self.latents[rows, 0] = hidden
        self._codes[rows] = codes.clamp(min=0)
        self._fed[rows] = 1
        self._lengths[rows] = torch.tensor([len(prefix) for prefix in prefixes], device=self.device)
        self._occupied[rows] = 1
        for slot, prefix in zip(slots, prefixes, strict=True):
            self._host_lengths[slot] = len(prefix)
        drawn: list[int] = codes.tolist()
        return drawn

    @torch.inference_mode()
    def step(self, slots: Items[int]) -> list[int]:
        """Feed each of the occupied `slots` its last code; returns the next one of each.

        The step runs over the first `max(slots) + 1` rows. Vacant ones among them may be computed too; nobody reads
        them.
        """
        rows = max(max(slots) + 1, self._transformer.min_rows)
        for slot in slots:
            self._host_lengths[slot] += 1
        span = -(-max(self._host_lengths[:rows]) // SPAN_STEP) * SPAN_STEP
        advance = self._graphs or self._advance
        codes: list[int] = advance(rows, span).tolist()
        return [codes[slot] for slot in slots]

    def _advance(self, rows: int, span: int) -> Tensor:
        """The step itself: the same operations on the same memory every time, so that it can be captured."""
        fed, lengths, occupied = self._fed[:rows], self._lengths[:rows], self._occupied[:rows]
        x = self._gpt.embed(self._codes[:rows], fed)
        hidden = self._gpt.hidden(self._transformer.decode(x, lengths, span))
        codes = self._sampler.draw(self._gpt.logits(hidden), self._rows[:rows])
        self.latents[self._rows[:rows], fed] = hidden
        self._codes[:rows] = codes.clamp(min=0)
        fed += occupied
        lengths += occupied
        return codes

    @torch.inference_mode()
    def _reserve(self) -> None:
        """The largest prefill, so that the memory it takes is there before the first request."""
        rows = min(self.slots, PREFILL_POSITIONS // self._transformer.capacity + 1)
        longest = torch.zeros(self._transformer.capacity, self._gpt.dim, device=self.device)
        self._transformer.prefill(range(rows), [longest] * rows)

    def vacate(self, slot: int) -> None:
        """The slot's sequence is gone; the slot stays cheap until the next one takes it."""
        self._occupied[slot] = 0
        self._lengths[slot] = VACANT
        self._fed[slot] = 0
        self._host_lengths[slot] = VACANT

    def wipe(self, slot: int) -> None:
        """The slot's numbers went wrong: nothing of them may reach the next sequence there."""
        self._transformer.wipe(slot)

    def bytes_per_step(self, lengths: Items[int]) -> int:
        """What a step over sequences of these lengths has to read, at least: weights, and caches in use."""
        transformer = self._transformer
        return transformer.weight_bytes + self._gpt.head_bytes + sum(lengths) * transformer.position_bytes


def rows_of(slots: int) -> int:
    """Rows that are computed for so many slots."""
    return max(slots, MIN_ROWS)


def capacity_of(gpt: GPT) -> int:
    """Positions of the longest sequence: voice, text between its two ends, start code and codes."""
    return LATENTS + gpt.max_text + gpt.max_codes + 1
