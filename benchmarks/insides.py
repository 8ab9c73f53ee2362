"""Takes the engine apart for the growth benchmark: decode steps alone, memory of a slot, latents and their cache.

The one place of that benchmark that knows how the engine is built; runners/speech.py builds the real one.
"""

import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from TTS.tts.models.xtts import Xtts

from runners.checkpoint import choose_device, load_checkpoint
from runners.conditioner import Conditioner, latent_shapes
from runners.gpt import GPT
from runners.latents_cache import LatentsCache
from runners.types import Voice

BESIDE_TEXT = 3  # positions of a prefix that are neither voice nor text: start and stop of the text, start of the codes
LONGEST_TEXT = 400  # tokens


@dataclass(frozen=True, slots=True)
class Model:
    """A loaded checkpoint."""

    xtts: Xtts
    device: torch.device

    @classmethod
    def load(cls, folder: Path) -> "Model":
        device = choose_device("auto", 0, torch.cuda.device_count())
        return cls(load_checkpoint(folder, device), device)

    def decoder(self, slots: int) -> "Decoder":
        return Decoder(GPT(self.xtts.gpt, slots, conditioning_length=self._voice().shape[1]), self._voice())

    def slot_bytes(self, slots: int) -> float:
        """What a slot adds to so many: its KV cache, its latents, its counters."""
        return (self._held(2 * slots) - self._held(slots)) / slots

    def _held(self, slots: int) -> int:
        gpt = GPT(self.xtts.gpt, slots, conditioning_length=self._voice().shape[1])
        tensors = [gpt.latents_buffer(), *(value for value in vars(gpt).values() if isinstance(value, Tensor))]
        return sum(tensor.nbytes for tensor in tensors)

    def _voice(self) -> Tensor:
        speakers = self.xtts.speaker_manager.speakers
        latent: Tensor = next(iter(speakers.values()))["gpt_cond_latent"]
        return latent


class Decoder:
    """The GPT's slots, filled with texts of any length and stepped by hand."""

    def __init__(self, gpt: GPT, voice: Tensor) -> None:
        self._gpt = gpt
        self._voice = voice
        self._live: list[int] = []
        self._codes = torch.empty(0)

    @property
    def longest_prefix(self) -> int:
        return self._voice.shape[1] + LONGEST_TEXT + BESIDE_TEXT

    @property
    def lengths(self) -> list[int]:
        """Positions in the cache of each slot; 1 when vacant."""
        return [int(length) for length in self._gpt._lengths]

    def fill(self, live: int, length: int) -> None:
        """Vacates all and prefills the first `live` slots to `length` positions, at most `longest_prefix`."""
        for slot in self._live:
            self._gpt.vacate(slot)
        self._live = list(range(live))
        text = torch.full((length - self._voice.shape[1] - BESIDE_TEXT,), 10)
        hidden = self._gpt.prefill(self._live, [text] * live, [self._voice] * live)
        self._codes = self._next(hidden)

    def step(self) -> float:
        """Seconds of one decode step over all live slots, from codes to codes."""
        begun = time.perf_counter()
        self._codes = self._next(self._gpt.decode(self._live, self._codes))
        self._codes[0].item()  # which waits for the device
        return time.perf_counter() - begun

    def _next(self, hidden: Tensor) -> Tensor:
        return self._gpt.logits(hidden)[:, : self._gpt.start_code].argmax(dim=1)


@dataclass(frozen=True, slots=True)
class LatentsTimes:
    """Seconds to get a voice's latents."""

    miss: float
    disk: float
    memory: float


def latents_times(model: Model, voice: Voice) -> LatentsTimes:
    """Of a voice that was never heard, of one that another process has heard, and of one that this one has."""
    with tempfile.TemporaryDirectory() as folder:

        def conditioner() -> Conditioner:
            cache = LatentsCache(Path(folder), latent_shapes(model.xtts), capacity=16)
            return Conditioner(model.xtts, checkpoint="benchmark", cache=cache)

        first, second = conditioner(), conditioner()
        miss = _seconds(lambda: first.latents(voice))
        disk = _seconds(lambda: second.latents(voice))
        memory = _seconds(lambda: second.latents(voice))
    return LatentsTimes(miss, disk, memory)


def _seconds(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def walk(decoder: Decoder, live: int, lengths: Sequence[int], around: int) -> dict[int, list[float]]:
    """Seconds of `around` steps from each length on. Those that no prefix reaches are reached by decoding."""
    found = {}
    at = 0
    for length in sorted(lengths):
        if length <= decoder.longest_prefix:
            decoder.fill(live, length)
            at = length
        for _ in range(length - at):
            decoder.step()
        found[length] = [decoder.step() for _ in range(around)]
        at = length + around
    return found
