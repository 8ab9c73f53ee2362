"""Signals for tests: full scale up to both ends, tones, noise, and levels on both sides of every limit."""

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

RATE = 24000

Samples = NDArray[np.float32]

KINDS = ["positive", "negative", "square", "noise", "silence"]


def signal(kind: str, length: int, seed: int = 0) -> Samples:
    """As harsh as samples get: full scale up to both ends."""
    random = np.random.default_rng(seed)
    return {
        "positive": np.ones(length),
        "negative": -np.ones(length),
        "square": np.where(np.arange(length) // 37 % 2, 1.0, -1.0),
        "noise": random.uniform(-1, 1, length),
        "silence": np.zeros(length),
    }[kind].astype(np.float32)


def tone(seconds: float, level: float = 0.5) -> Samples:
    return (level * np.sin(2 * np.pi * 200 * np.arange(round(seconds * RATE)) / RATE)).astype(np.float32)


def noise(seconds: float, level: float, seed: int = 1) -> Samples:
    return (level * np.random.default_rng(seed).standard_normal(round(seconds * RATE))).astype(np.float32)


stretches = st.tuples(st.sampled_from([0.0, 3e-4, 2e-3, 2e-2, 0.3, 1.0]), st.integers(0, 1500))  # level and length


@st.composite
def sounds(draw: st.DrawFn) -> Samples:
    """Silence, murmur and speech in any order: levels on both sides of every limit."""
    random = np.random.default_rng(draw(st.integers(0, 9)))
    parts = [
        level * random.uniform(-1, 1, length) for level, length in draw(st.lists(stretches, min_size=1, max_size=6))
    ]
    return np.concatenate(parts).astype(np.float32)
