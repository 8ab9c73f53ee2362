"""One piece of text on its way to samples, and the request it belongs to. Mutable; only the engine changes them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, auto

from torch import Tensor

from runners.conditioning.latents import Latents
from runners.playback import Playback
from runners.types import Event, StopReason
from runners.xtts.frames import Stretch
from runners.xtts.sampling import SamplingParams


class SequenceStatus(Enum):
    WAITING = auto()  # has no slot yet
    LIVE = auto()  # holds a slot and decodes
    DRAINING = auto()  # decoded; not all of its samples are delivered
    DONE = auto()  # all samples are delivered
    FAILED = auto()  # its request failed or was cancelled


@dataclass(slots=True, eq=False)
class Sequence:
    """One piece: its inputs, and how far it is."""

    utterance: int  # index in its request
    piece: int  # index in its utterance
    tokens: Tensor  # int64 (tokens,)
    latents: Latents
    sampling: SamplingParams
    stretch: Stretch
    request: "Request" = field(init=False)  # set when it is submitted
    turn: int = 0  # index in its request, set when that is submitted
    last: bool = True  # whether no other piece of its utterance follows
    status: SequenceStatus = SequenceStatus.WAITING
    queued: float = 0.0  # when it was submitted, by the engine's clock
    slot: int = -1  # its slot in the decoder, once admitted
    codes: list[int] = field(default_factory=list)
    stop_reason: StopReason | None = None  # None until it is decoded
    decoded_latents: Tensor | None = None  # (codes or more, dim): its slot's while it is live, its own afterwards
    vocoded: int = 0  # frames whose samples are delivered or being computed

    @property
    def frames(self) -> int:
        """Frames that the vocoder may have now."""
        if self.stop_reason is None:
            return self.stretch.ready(len(self.codes))
        return self.stretch.total(len(self.codes))

    def window(self, start: int, stop: int) -> Tensor:
        """Frames `start` to `stop`: (stop - start, dim)."""
        assert self.decoded_latents is not None
        return self.stretch.window(self.decoded_latents, start, stop, len(self.codes))


@dataclass(slots=True, eq=False)
class Request:
    """Sequences that are submitted together. `deliver` is called with their events, on the engine's thread."""

    sequences: list[Sequence]
    deliver: Callable[[Event], None]
    bulk: bool = False  # whether it belongs to the bulk lane
    playback: Playback | None = None  # of who listens while it is made; None: a whole file
    decoded: int = 0  # of its sequences, from the first on without a gap
    order: float = 0.0  # among those that wait; set when it is submitted
    waited: float = 0.0  # seconds for a slot and, if somebody listens, for its turn to begin

    @property
    def done(self) -> bool:
        return all(sequence.status is SequenceStatus.DONE for sequence in self.sequences)

    @property
    def over(self) -> bool:
        return all(sequence.status in (SequenceStatus.DONE, SequenceStatus.FAILED) for sequence in self.sequences)
