"""From logits to the next code, for all slots at once: upstream's processors in upstream's order, then one draw a row.

A row's draw depends on its own logits, its own settings and its own (stream, step) counter: nothing is shared between
rows and there is no generator state to advance.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

NOT_FINITE = -1  # drawn in place of a code when a row's logits hold NaN or infinity


@dataclass(frozen=True, slots=True)
class SamplingParams:
    """A sequence's resolved settings: every default filled in."""

    temperature: float  # 0 = greedy
    top_k: int  # 0 = off
    top_p: float  # 1 = off
    repetition_penalty: float  # 1 = off
    stream: int  # the sequence's random stream, see `stream_of`


def stream_of(seed: int, piece: int) -> int:
    """The random stream of one piece of an utterance. Piece 0 of a split text draws as the unsplit text would."""
    return (piece << 32) | seed


def uniform(stream: Tensor, step: Tensor) -> Tensor:
    """One float64 in [0, 1) a row, a pure function of int64 `stream` and `step`.

    Two rounds of the splitmix64 finaliser (Steele, Lea, Flood 2014, "Fast splittable pseudorandom number generators").
    """
    return (_shift(_mix(_mix(stream) + step * _GOLDEN), 11)).to(torch.float64) * 2.0**-53


def penalise(logits: Tensor, seen: Tensor, penalty: Tensor) -> Tensor:
    """Repetition penalty: `seen` (rows, codes) logits are divided by it where positive, multiplied where negative."""
    penalised = torch.where(logits < 0, logits * penalty, logits / penalty)
    return torch.where(seen, penalised, logits)


def distribution(logits: Tensor, temperature: Tensor, top_k: Tensor, top_p: Tensor) -> Tensor:
    """Temperature, then top-k, then top-p, as probabilities (rows, codes). Settings are (rows, 1).

    The rules are those of transformers' warpers: top-k keeps ties of the k-th, top-p drops the smallest codes whose
    cumulative probability is within 1 - top_p and always keeps the best one.
    """
    codes = logits.shape[1]
    ascending, order = torch.sort(logits / temperature, dim=1, stable=True)
    kth_best = ascending.gather(1, codes - top_k.clamp(1, codes))
    ascending = ascending.masked_fill((ascending < kth_best) & (top_k > 0), -torch.inf)
    tail = ascending.softmax(dim=1).cumsum(dim=1) <= 1 - top_p
    tail[:, -1] = False
    ascending = ascending.masked_fill(tail, -torch.inf)
    return torch.zeros_like(logits).scatter_(1, order, ascending.softmax(dim=1))


class Sampler:
    """The sampling state of every slot: settings, codes seen so far, and the counter of the random stream."""

    def __init__(self, slots: int, codes: int, always_seen: tuple[int, ...], device: torch.device) -> None:
        """`always_seen`: ids that upstream's penalty counts from the start, because they stand in its placeholder
        prefix (1 and the start code)."""
        self._always_seen = torch.tensor(always_seen, dtype=torch.int64, device=device)
        self._seen = torch.zeros(slots, codes, dtype=torch.bool, device=device)
        self._settings = torch.ones(4, slots, 1, device=device)  # temperature, top_k, top_p, penalty
        self._stream = torch.zeros(slots, dtype=torch.int64, device=device)
        self._step = torch.zeros(slots, dtype=torch.int64, device=device)

    def seat(self, slot: int, params: SamplingParams) -> None:
        """A new sequence takes `slot`."""
        values = (params.temperature, float(params.top_k), params.top_p, params.repetition_penalty)
        self._settings[:, slot, 0] = torch.tensor(values)
        self._seen[slot] = False
        self._seen[slot, self._always_seen] = True
        self._stream[slot] = params.stream
        self._step[slot] = 0

    def draw(self, logits: Tensor, slots: Tensor) -> Tensor:
        """The next code of each row: (rows, codes) float32 logits of `slots` (rows,) to (rows,) int64."""
        temperature, top_k, top_p, penalty = self._settings[:, slots]
        greedy = temperature == 0
        logits = penalise(logits, self._seen[slots], penalty)
        chances = distribution(logits, temperature.masked_fill(greedy, 1.0), top_k.long(), top_p)
        heights = chances.double().cumsum(dim=1)
        mark = uniform(self._stream[slots], self._step[slots])[:, None] * heights[:, -1:]
        drawn = torch.searchsorted(heights, mark, right=True).clamp_(max=logits.shape[1] - 1)
        code = torch.where(greedy, logits.argmax(dim=1, keepdim=True), drawn)
        self._seen[slots] = self._seen[slots].scatter(1, code, True)
        self._step[slots] += 1
        return torch.where(torch.isfinite(logits).all(dim=1), code[:, 0], NOT_FINITE)


_GOLDEN = -7046029254386353131  # 0x9E3779B97F4A7C15 as int64: 2**64 / golden ratio, odd
_MIX_1 = -4658895280553007687  # 0xBF58476D1CE4E5B9
_MIX_2 = -7723592293110705685  # 0x94D049BB133111EB


def _shift(z: Tensor, bits: int) -> Tensor:
    """Logical right shift: torch's own keeps the sign."""
    return (z >> bits) & ((1 << (64 - bits)) - 1)


def _mix(z: Tensor) -> Tensor:
    z = z + _GOLDEN
    z = (z ^ _shift(z, 30)) * _MIX_1
    z = (z ^ _shift(z, 27)) * _MIX_2
    return z ^ _shift(z, 31)
