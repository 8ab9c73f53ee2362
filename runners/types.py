"""The values that cross from the API to the runner and back. Plain data: no torch, no HTTP."""

from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from runners.errors import SpeechError


@dataclass(frozen=True, slots=True)
class Reference:
    """What counts how much in the blend: a clip, what a latents file keeps of one, or a speaker of the checkpoint."""

    path: str = ""  # readable by the runner process; of a speaker neither this nor the next
    digest: str = ""  # sha256 of the file's bytes, hex
    weight: float = 1.0  # > 0; the weights of a voice are normalised to sum to 1
    style: str | None = (
        None  # None: a clip. Otherwise a latents file (see conditioning/voice_file.py) and the style meant in it
    )
    speaker: str | None = None  # stored in the checkpoint
    kept: bool = True  # whether the latents computed of a clip are worth a file in the cache


@dataclass(frozen=True, slots=True)
class Voice:
    """Whose voice: a blend of at least one reference."""

    references: tuple[Reference, ...]

    @classmethod
    def of_speaker(cls, name: str) -> "Voice":
        return cls((Reference(speaker=name),))


@dataclass(frozen=True, slots=True)
class Sampling:
    """How a code is drawn. None means the checkpoint's own default; temperature 0 means greedy."""

    temperature: float | None = None
    top_k: int | None = None  # 0 = off
    top_p: float | None = None  # 1 = off
    repetition_penalty: float | None = None  # 1 = off


@dataclass(frozen=True, slots=True)
class Utterance:
    """One text to synthesize. Its samples depend on these fields alone, never on what is decoded beside it."""

    text: str
    language: str  # one of the checkpoint's languages, e.g. "hu"
    voice: Voice
    seed: int  # 0 to 2**32 - 1
    speed: float = 1.0  # 0.5 = twice as long
    sampling: Sampling = field(default_factory=Sampling)
    brief_start: bool = False  # if it takes several pieces, the first is a short one, so that it begins to sound soon


@dataclass(frozen=True, slots=True)
class BulkUtterance:
    """One text of the bulk lane. See runners/bulk.py."""

    call: str  # the call it came with; it is cancelled when that call ends
    utterance: Utterance


class StopReason(StrEnum):
    STOP_CODE = "stop_code"  # the model drew its stop code
    LIMIT = "limit"  # cut at the checkpoint's longest utterance


@dataclass(frozen=True, slots=True)
class Audio:
    """The next samples of one piece of an utterance: float32 mono at the checkpoint's output rate."""

    utterance: int  # index in the request
    piece: int  # index in the utterance: a text over the model's limit is split into several
    samples: NDArray[np.float32]
    waited: float = 0.0  # seconds that its request waited for a slot and, if somebody listens, for its turn to begin


@dataclass(frozen=True, slots=True)
class PieceDone:
    """All samples of the piece have been delivered."""

    utterance: int
    piece: int
    codes: int  # decoded audio codes, the stop code included
    stop_reason: StopReason
    last: bool = True  # whether it ends its utterance; else another piece follows


@dataclass(frozen=True, slots=True)
class LatentsReady:
    """The latents of a voice."""

    latents: bytes  # a file, see conditioning/voice_file.py


@dataclass(frozen=True, slots=True)
class Failed:
    """The request is over; nothing more comes."""

    error: SpeechError


@dataclass(frozen=True, slots=True)
class Finished:
    """All that was asked for has been delivered. A stream that ends without it was cut."""


Event = Audio | PieceDone | LatentsReady | Failed | Finished


@dataclass(frozen=True, slots=True)
class ModelCard:
    """What the loaded checkpoint is and can do."""

    name: str
    demo: bool  # the made-up checkpoint that does not speak
    device: str
    precision: str  # what it is computed in: fp32, fp16, bf16 or int10
    sample_rate: int  # Hz
    languages: tuple[str, ...]
    speakers: tuple[str, ...]  # voices stored in the checkpoint
    checkpoint: str = ""  # its identity: latents that another made are of no use to it
    notice: str = ""  # what the operator and every caller of /health should know


@dataclass(frozen=True, slots=True)
class Load:
    """How busy the engine is."""

    slots: int
    live: int  # slots taken
    waiting: int  # interactive sequences without a slot
    steps: int  # steps taken since start-up
    bulk_waiting: int = 0  # sequences of long jobs without a slot


@dataclass(frozen=True, slots=True)
class Status:
    """What a runner reports, once its model is loaded."""

    model: ModelCard
    load: Load
