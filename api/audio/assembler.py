"""Joins utterances: the engine's events in, in any order between utterances; one signal out, in blocks and in order.

Each utterance is trimmed of its own silence if asked and faded at its ends, and its pause follows it. Samples are mono
float32, at any rate. The signal does not depend on how the engine cut it, nor on which utterance came first.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np

from api.audio.edges import NOTHING, Fade, Samples, Trim
from runners.types import Audio, Event, PieceDone

SILENCE: Final[Samples] = np.zeros(2**16, np.float32)  # long pauses are this block, several times


class Assembler:
    """Of one signal. Audio that comes before its turn waits here."""

    def __init__(self, pauses: Sequence[float], rate: int, *, trim: bool) -> None:
        """`pauses`: seconds of silence after each utterance, rounded to a whole number of samples."""
        self._pauses = [round(pause * rate) for pause in pauses]  # samples
        self._rate = rate
        self._trim = trim
        self._turn = 0, 0  # utterance and piece whose samples are next
        self._waiting: dict[tuple[int, int], list[Audio | PieceDone]] = defaultdict(list)
        self._utterance = _Utterance(rate, trim=trim)
        self.length = 0  # samples so far
        self.spans: list[tuple[int, int]] = []  # start and end of each finished utterance; equal where nothing was left

    def feed(self, event: Event) -> list[Samples]:
        """The samples that are certain now. There may be none, or those of other utterances that have waited."""
        if not isinstance(event, Audio | PieceDone):
            return []
        self._waiting[event.utterance, event.piece].append(event)
        return [block for block in self._ready() if block.size]

    def _ready(self) -> Iterator[Samples]:
        while events := self._waiting.pop(self._turn, None):
            for event in events:
                if isinstance(event, Audio):
                    yield self._counted(self._utterance.feed(event.samples))
                else:
                    yield from self._close(last=event.last)

    def _close(self, *, last: bool) -> Iterator[Samples]:
        utterance, piece = self._turn
        if not last:
            self._turn = utterance, piece + 1
            yield self._counted(self._utterance.join())
            return
        self._turn = utterance + 1, 0
        start = self.length - self._utterance.length
        yield self._counted(self._utterance.end())
        self.spans.append((start, self.length))
        self._utterance = _Utterance(self._rate, trim=self._trim)
        for at in range(0, self._pauses[utterance], len(SILENCE)):
            yield self._counted(SILENCE[: self._pauses[utterance] - at])

    def _counted(self, samples: Samples) -> Samples:
        self.length += len(samples)
        return samples


class _Utterance:
    """Its pieces joined, its own silence trimmed if asked, its ends faded."""

    def __init__(self, rate: int, *, trim: bool) -> None:
        self._rate = rate
        self._piece = Fade(rate, rise=False)
        self._trim = Trim(rate) if trim else None
        self._ends = Fade(rate)
        self.length = 0  # samples returned so far

    def feed(self, samples: Samples) -> Samples:
        return self._faded(self._piece.feed(samples))

    def join(self) -> Samples:
        """The piece is over, and another one follows."""
        rest = self._piece.end()
        self._piece = Fade(self._rate)
        return self._faded(rest)

    def end(self) -> Samples:
        last = self._faded(self._piece.end(fall=False))
        rest = self._ends.feed(self._trim.end()) if self._trim else NOTHING
        return np.concatenate((last, rest, self._ends.end()))

    def _faded(self, samples: Samples) -> Samples:
        faded = self._ends.feed(self._trim.feed(samples) if self._trim else samples)
        self.length += len(faded)
        return faded
