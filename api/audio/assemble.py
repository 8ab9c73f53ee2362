"""Puts utterances together: trims their own silence, smooths their ends, sets the pauses, notes who is where.

Samples in, samples out: mono float32, any rate. Knows no audio formats and no text. While the samples are still coming,
api/audio/assembler.py does the same.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from api.audio.edges import Fade, Samples, declick, trim_silence

Span = tuple[float, float]  # start and end, seconds


@dataclass(frozen=True, slots=True)
class Segment:
    """One utterance as the model said it, and the silence to follow it."""

    samples: Samples
    pause_after: float = 0.0  # seconds


@dataclass(frozen=True, slots=True)
class Assembled:
    samples: Samples
    spans: tuple[Span, ...]  # where each segment's speech is, in order; start == end where none was left


def assemble(segments: Sequence[Segment], rate: int, *, trim: bool) -> Assembled:
    """One waveform: each utterance trimmed if `trim`, declicked, then round(pause_after * rate) zeros.

    A single utterance is delivered through here too, so that it sounds the same alone and among others.
    """
    pieces = [declick(trim_silence(s.samples, rate) if trim else s.samples, rate) for s in segments]
    pauses = [round(s.pause_after * rate) for s in segments]
    samples = np.zeros(sum(len(piece) for piece in pieces) + sum(pauses), np.float32)
    spans = []
    start = 0
    for piece, pause in zip(pieces, pauses, strict=True):
        end = start + len(piece)
        samples[start:end] = piece
        spans.append((start / rate, end / rate))
        start = end + pause
    return Assembled(samples, tuple(spans))


def join_pieces(pieces: Sequence[Samples], rate: int) -> Samples:
    """One utterance out of the pieces that a long text was said in, smooth where they meet."""
    joined = []
    for number, piece in enumerate(pieces):
        fade = Fade(rate, rise=number > 0)
        joined += [fade.feed(piece), fade.end(fall=number < len(pieces) - 1)]
    return np.concatenate(joined)


def segments_header(spans: Sequence[Span]) -> str:
    """The value of X-Segments: compact JSON, milliseconds. 200 segments take about 4 kB."""
    return json.dumps([[round(start, 3), round(end, 3)] for start, end in spans], separators=(",", ":"))
