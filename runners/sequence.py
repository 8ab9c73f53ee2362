"""One piece of text on its way to samples, and the request it belongs to. Mutable, and touched by the engine alone."""

from collections.abc import Callable
from dataclasses import dataclass, field

from torch import Tensor

from runners.conditioning.latents import Latents
from runners.types import Event, StopReason
from runners.xtts.frames import Stretch
from runners.xtts.sampling import SamplingParams


@dataclass(slots=True, eq=False)
class Sequence:
    """A piece: what is to be said, and how far it is."""

    utterance: int  # index in its request
    piece: int  # index in its utterance
    tokens: Tensor  # int64 (tokens,)
    latents: Latents
    sampling: SamplingParams
    stretch: Stretch
    last: bool = True  # whether no other piece of its utterance follows
    queued: float = 0.0  # when it was submitted, by time.monotonic()
    slot: int = -1  # its place in the batch, once admitted
    codes: list[int] = field(default_factory=list)
    stop_reason: StopReason | None = None  # None while it decodes
    decoded_latents: Tensor | None = None  # (codes, dim) latents, once it holds no slot
    delivered: int = 0  # frames that the vocoder has been given to speak

    @property
    def frames(self) -> int:
        """Frames that the vocoder may have now."""
        if self.stop_reason is None:
            return self.stretch.ready(len(self.codes))
        return self.stretch.total(len(self.codes))

    @property
    def all_vocoded(self) -> bool:
        """Whether the vocoder has all of it."""
        return self.stop_reason is not None and self.delivered == self.frames


@dataclass(slots=True, eq=False)
class Request:
    """Sequences that were submitted together, and where their events go. `deliver` is called on the engine's thread."""

    sequences: list[Sequence]
    deliver: Callable[[Event], None]
    bulk: bool = False  # whether it fills what is idle, or somebody waits for it
