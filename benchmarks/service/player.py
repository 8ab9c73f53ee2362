"""A simulated player: it starts at the first audio, and stalls whenever the next has not come in time."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Chunk:
    """Audio that has arrived: when (seconds), and how much (seconds of audio)."""

    at: float
    audio: float


@dataclass(frozen=True, slots=True)
class Playback:
    """What a listener noticed."""

    underruns: int  # times that the sound stopped before its end
    stalled: float  # seconds of silence in all of them


def play(chunks: Sequence[Chunk]) -> Playback:
    """An underrun is a chunk that comes after all audio before it has been played; play goes on once it is there."""
    underruns, stalled = 0, 0.0
    end = chunks[0].at if chunks else 0.0  # when what has arrived will have been played
    for chunk in chunks:
        if chunk.at > end:
            underruns += 1
            stalled += chunk.at - end
            end = chunk.at
        end += chunk.audio
    return Playback(underruns, stalled)
