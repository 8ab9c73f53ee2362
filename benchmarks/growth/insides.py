"""Takes the engine apart for the growth benchmark: decode steps alone, memory of a slot, latents and their cache.

The one place of that benchmark that knows how the engine is built.
"""

import os
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from benchmarks.xtts import PREFIX
from runners.conditioning.cache import LatentsCache
from runners.conditioning.conditioner import Conditioner, latent_shapes
from runners.config import EngineConfig
from runners.synthesizer import Synthesizer
from runners.types import Voice
from runners.xtts.checkpoint import sampling_defaults
from runners.xtts.decoder import Decoder
from runners.xtts.model import Model
from runners.xtts.sampling import SamplingParams

LONGEST_TEXT = 400  # tokens


class Steps:
    """The engine's decoder, filled with texts of any length and stepped by hand."""

    def __init__(self, decoder: Decoder, voice: Tensor, sampling: SamplingParams) -> None:
        self._decoder = decoder
        self._voice = voice
        self._sampling = sampling
        self._live: list[int] = []
        self.codes: list[int] = []  # of the last step

    @property
    def longest_prefix(self) -> int:
        return PREFIX + LONGEST_TEXT

    @property
    def slot_bytes(self) -> int:
        """What a slot holds: its cache and its latents."""
        transformer = self._decoder._transformer
        return transformer.capacity * transformer.position_bytes + self._decoder.latents[0].nbytes

    @property
    def lengths(self) -> list[int]:
        """Positions in the cache of each slot; 1 when vacant."""
        return list(self._decoder._host_lengths)

    @property
    def step_bytes(self) -> int:
        """What a step has to read: the weights, and the caches in use."""
        return self._decoder.bytes_per_step([self.lengths[slot] for slot in self._live])

    def fill(self, live: int, length: int) -> None:
        """Vacates all and prefills the first `live` slots to `length` positions, at most `longest_prefix`."""
        for slot in self._live:
            self._decoder.vacate(slot)
        self._live = list(range(live))
        text = torch.full((length - PREFIX,), 10)
        sampling = [replace(self._sampling, stream=slot) for slot in self._live]
        self._decoder.prefill(self._live, [text] * live, [self._voice] * live, sampling)

    def step(self) -> float:
        """Seconds of one decode step over all live slots, from the last codes to the next."""
        begun = time.perf_counter()
        self.codes = self._decoder.step(self._live)
        return time.perf_counter() - begun


@dataclass(frozen=True, slots=True)
class Loaded:
    """A checkpoint as the service loads it, its engine at rest."""

    model: Model
    steps: Steps

    @classmethod
    def load(cls, settings: Mapping[str, str]) -> "Loaded":
        """`settings`: the service's environment variables."""
        speech = Synthesizer.load(EngineConfig.from_env({**os.environ, **settings}))
        speech.stop()
        model = speech._model
        voice = next(iter(model.speakers.values()))["gpt_cond_latent"]
        sampling = SamplingParams(**asdict(sampling_defaults(model.config)), stream=0)
        return cls(model, Steps(speech._engine._decoder, voice, sampling))


@dataclass(frozen=True, slots=True)
class LatentsTimes:
    """Seconds to get a voice's latents."""

    miss: float
    disk: float
    memory: float


def latents_times(loaded: Loaded, voice: Voice) -> LatentsTimes:
    """Of a voice that was never heard, of one that another process has heard, and of one that this one has."""
    with tempfile.TemporaryDirectory() as folder:

        def conditioner() -> Conditioner:
            cache = LatentsCache(Path(folder), latent_shapes(loaded.model), capacity=16)
            return Conditioner(loaded.model, checkpoint="benchmark", cache=cache)

        first, second = conditioner(), conditioner()
        miss = _seconds(lambda: first.latents(voice))
        disk = _seconds(lambda: second.latents(voice))
        memory = _seconds(lambda: second.latents(voice))
    return LatentsTimes(miss, disk, memory)


def _seconds(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def walk(steps: Steps, live: int, lengths: Sequence[int], around: int) -> dict[int, list[float]]:
    """Seconds of `around` steps from each length on. Those that no prefix reaches are reached by decoding."""
    found = {}
    at = 0
    for length in sorted(lengths):
        if length <= steps.longest_prefix:
            steps.fill(live, length)
            at = length
        for _ in range(length - at):
            steps.step()
        found[length] = [steps.step() for _ in range(around)]
        at = length + around
    return found
