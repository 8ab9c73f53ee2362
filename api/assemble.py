"""Puts utterances together: trims their own silence, smooths their ends, sets the pauses, notes who is where.

Samples in, samples out: mono float32, any rate. Knows no audio formats and no text.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]  # (samples,)
Span = tuple[float, float]  # start and end, seconds

FADE: Final = 0.005  # seconds, each end
FRAME: Final = 0.010  # seconds, the step in which silence is looked for
MARGIN: Final = 0.020  # seconds kept beyond the first and the last loud frame
QUIET: Final = 10 ** (-38 / 20)  # of the loudest frame; the weakest consonants (f, h, th) lie at about -33 dB
SILENT: Final = 10 ** (-70 / 20)  # of full scale; nothing below it is sound, however quiet the voice


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
    return pieces[0] if len(pieces) == 1 else np.concatenate([declick(piece, rate) for piece in pieces])


def trim_silence(samples: Samples, rate: int) -> Samples:
    """Cut the silence before the first loud frame and after the last, but for MARGIN; never anything between.

    A frame is loud when its level is over both limits, QUIET and SILENT. Nothing loud: no samples are left.
    A view, not a copy.
    """
    frame, margin = round(FRAME * rate), round(MARGIN * rate)
    levels = frame_levels(samples, frame)
    limit = max(SILENT, QUIET * levels.max(initial=0.0))
    loud = np.flatnonzero(~(levels <= limit))  # this way round NaN is loud: it must be seen, not trimmed away
    if not loud.size:
        return samples[:0]
    return samples[max(0, loud[0] * frame - margin) : (loud[-1] + 1) * frame + margin]


def frame_levels(samples: Samples, frame: int) -> NDArray[np.float64]:
    """RMS of each frame about its own mean: a constant offset is not sound. The last may be short."""
    starts = np.arange(0, len(samples), frame)
    if not starts.size:
        return np.zeros(0)
    counts = np.diff(starts, append=len(samples))
    means = np.add.reduceat(samples, starts) / counts
    return np.sqrt(np.add.reduceat((samples - np.repeat(means, counts)) ** 2, starts) / counts)


def declick(samples: Samples, rate: int) -> Samples:
    """Raised-cosine fades of FADE seconds: the first and the last sample of the copy are exactly 0.

    Under two fades long they overlap, so that what is too short to rise gently does not rise.
    """
    length = round(FADE * rate)
    ramp = (0.5 - 0.5 * np.cos(np.pi * np.arange(length) / length)).astype(np.float32)[: len(samples)]
    faded = samples.copy()
    faded[: len(ramp)] *= ramp
    faded[len(faded) - len(ramp) :] *= ramp[::-1]
    return faded


def segments_header(spans: Sequence[Span]) -> str:
    """The value of X-Segments: compact JSON, milliseconds. 200 segments take about 4 kB."""
    return json.dumps([[round(start, 3), round(end, 3)] for start, end in spans], separators=(",", ":"))
