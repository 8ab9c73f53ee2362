"""Who speaks: our engine with a checkpoint, and espeak-ng. Each gives samples and, ours, how it came to an end."""

import asyncio
import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from runners.config import EngineConfig
from runners.errors import InvalidInput
from runners.synthesizer import Synthesizer
from runners.text.pieces import TextFrontend
from runners.types import Audio, Failed, PieceDone, Reference, StopReason, Utterance, Voice
from training.corpus import spoken
from training.espeak import Espeak, Speaker
from training.features import RATE

DEFAULT_SPEAKER = Speaker("m3", 35, 45, 162)  # of references/make_default.py, the style neutral


@dataclass(frozen=True, slots=True)
class Take:
    samples: NDArray[np.float32]
    rate: int  # Hz
    stopped: bool = True  # by the stop code

    @property
    def seconds(self) -> float:
        return len(self.samples) / self.rate


class Ours:
    def __init__(self, model: str) -> None:
        self._synthesizer = Synthesizer.load(EngineConfig.from_env({**os.environ, "XTTS_MODEL": model}))

    @property
    def frontend(self) -> TextFrontend:
        return self._synthesizer._frontend

    def say(self, texts: Sequence[tuple[str, str, Voice]], seed: int = 0) -> list[Take]:
        """(text, language, voice) each, as many at once as the engine has slots."""
        return [
            take for start in range(0, len(texts), 8) for take in asyncio.run(self._say(texts[start : start + 8], seed))
        ]

    async def _say(self, texts: Sequence[tuple[str, str, Voice]], seed: int) -> list[Take]:
        utterances = [Utterance(text, language, voice, seed) for text, language, voice in texts]
        parts: list[list[NDArray[np.float32]]] = [[] for _ in texts]
        stopped = [True] * len(texts)
        async for event in self._synthesizer.synthesize(utterances):
            if isinstance(event, Audio):
                parts[event.utterance].append(event.samples)
            elif isinstance(event, PieceDone):
                stopped[event.utterance] &= event.stop_reason is StopReason.STOP_CODE
            elif isinstance(event, Failed):
                raise event.error
        rate = self._synthesizer.status().model.sample_rate
        return [Take(np.concatenate(part), rate, stop) for part, stop in zip(parts, stopped, strict=True)]


class Theirs:
    """espeak-ng reads what our text path makes of the text, as it did for the training."""

    def __init__(self, frontend: TextFrontend) -> None:
        self._espeak, self._frontend = Espeak(), frontend

    def read(self, text: str, language: str) -> str:
        """The text with its numbers in words, as both of us read it. Empty if there is nothing to say."""
        try:
            return " ".join(piece.text for piece in self._frontend.pieces(text, language))
        except InvalidInput:
            return ""

    def say(self, text: str, language: str, speaker: Speaker = DEFAULT_SPEAKER) -> Take:
        pieces = self._frontend.pieces(text, language)
        samples = [spoken(self._espeak, piece.text, language, speaker).numpy() for piece in pieces]
        return Take(np.concatenate(samples), RATE)


def clip_voice(*clips: Path) -> Voice:
    return Voice(tuple(Reference(str(clip), hashlib.sha256(clip.read_bytes()).hexdigest()) for clip in clips))


def write(take: Take, path: Path) -> Path:
    soundfile.write(path, take.samples, take.rate)
    return path
