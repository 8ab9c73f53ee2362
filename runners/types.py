"""The values that cross from the API to the runner and back. Plain data: no torch, no HTTP."""

from dataclasses import dataclass, field
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Reference:
    """One reference clip of a voice and how much it counts in the blend."""

    path: str  # readable by the runner process
    digest: str  # sha256 of the clip's bytes, hex
    weight: float = 1.0  # > 0; the weights of a voice are normalised to sum to 1


@dataclass(frozen=True, slots=True)
class Voice:
    """Whose voice: a blend of reference clips, or a speaker stored in the checkpoint. Exactly one of the two."""

    references: tuple[Reference, ...] = ()
    speaker: str | None = None


@dataclass(frozen=True, slots=True)
class Sampling:
    """How a code is drawn. None means the checkpoint's own default; temperature 0 means greedy."""

    temperature: float | None = None
    top_k: int | None = None  # 0 = off
    top_p: float | None = None  # 1 = off
    repetition_penalty: float | None = None  # 1 = off


@dataclass(frozen=True, slots=True)
class Utterance:
    """One text to say. Its samples depend on these fields alone, never on what is decoded beside it."""

    text: str
    language: str  # one of the checkpoint's languages, e.g. "hu"
    voice: Voice
    seed: int  # 0 to 2**32 - 1
    speed: float = 1.0  # 0.5 = twice as long
    sampling: Sampling = field(default_factory=Sampling)


class StopReason(StrEnum):
    STOP_CODE = "stop_code"  # the model said it was done
    LIMIT = "limit"  # cut at the checkpoint's longest utterance


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of an utterance once its last sample is out."""

    samples: int  # at the checkpoint's output rate
    codes: int  # decoded audio codes, stop codes included
    pieces: int  # sequences the text was split into
    stop_reasons: tuple[StopReason, ...]  # one a piece
    seed: int
