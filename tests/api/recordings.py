"""Recordings made up for tests: bursts of noise with the rhythm of speech, and what can be wrong with them."""

import io

import numpy as np
import soundfile
from numpy.typing import NDArray

Samples = NDArray[np.float32]

RATE = 24_000
SYLLABLE, GAP = 0.18, 0.07  # seconds: four syllables a second, as people speak


def speech(seconds: float, rate: int = RATE, level: float = 0.1, seed: int = 0) -> Samples:
    """As long as that from the first syllable's start to the last one's end, but for less than a syllable."""
    random = np.random.default_rng(seed)
    time = np.arange(round(seconds * rate)) / rate
    syllable = (time % (SYLLABLE + GAP)) / SYLLABLE
    envelope = np.where(syllable < 1, np.sin(np.pi * np.minimum(syllable, 1)), 0)
    return (level * envelope * random.normal(size=len(time))).astype(np.float32)


def silence(seconds: float, rate: int = RATE) -> Samples:
    return np.zeros(round(seconds * rate), np.float32)


def noise(seconds: float, level: float, rate: int = RATE, seed: int = 1) -> Samples:
    return np.random.default_rng(seed).normal(0, level, round(seconds * rate)).astype(np.float32)


def file_of(samples: Samples, rate: int = RATE, container: str = "WAV", encoding: str = "FLOAT") -> bytes:
    file = io.BytesIO()
    soundfile.write(file, samples, rate, encoding, format=container)
    return file.getvalue()
