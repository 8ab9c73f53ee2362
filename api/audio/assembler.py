"""Puts utterances together while they are being said: the engine's events in, the finished samples out, in order.

The samples are those that `assemble` makes of the whole, however the engine cut them and whatever comes first.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np

from api.audio.edges import NOTHING, Fade, Samples, Trim
from runners.types import Audio, Event, PieceDone


class Assembler:
    """One request's. What comes before its turn waits here: never more than the request's own audio."""

    def __init__(self, pauses: Sequence[float], rate: int, *, trim: bool) -> None:
        """`pauses`: seconds of silence after each utterance."""
        self._pauses = [round(pause * rate) for pause in pauses]  # samples
        self._rate = rate
        self._trim = trim
        self._turn = 0, 0  # utterance and piece whose samples go out now
        self._waiting: dict[tuple[int, int], list[Audio | PieceDone]] = defaultdict(list)
        self._said = _Utterance(rate, trim=trim)

    def feed(self, event: Event) -> Samples:
        """What can be said now that this has come: maybe nothing, maybe what has long been waiting too."""
        if not isinstance(event, Audio | PieceDone):
            return NOTHING
        self._waiting[event.utterance, event.piece].append(event)
        return np.concatenate((NOTHING, *self._ready()))

    def _ready(self) -> Iterator[Samples]:
        while events := self._waiting.pop(self._turn, None):
            for event in events:
                if isinstance(event, Audio):
                    yield self._said.feed(event.samples)
                else:
                    yield from self._close(last=event.last)

    def _close(self, *, last: bool) -> Iterator[Samples]:
        utterance, piece = self._turn
        if not last:
            yield self._said.join()
            self._turn = utterance, piece + 1
            return
        yield self._said.end()
        yield np.zeros(self._pauses[utterance], np.float32)
        self._said = _Utterance(self._rate, trim=self._trim)
        self._turn = utterance + 1, 0


class _Utterance:
    """Its pieces joined, its own silence trimmed if asked, its ends faded."""

    def __init__(self, rate: int, *, trim: bool) -> None:
        self._rate = rate
        self._piece = Fade(rate, rise=False)
        self._trim = Trim(rate) if trim else None
        self._ends = Fade(rate)

    def feed(self, samples: Samples) -> Samples:
        return self._onward(self._piece.feed(samples))

    def join(self) -> Samples:
        """The piece is over, and another one follows."""
        rest = self._piece.end()
        self._piece = Fade(self._rate)
        return self._onward(rest)

    def end(self) -> Samples:
        said = self._onward(self._piece.end(fall=False))
        rest = self._ends.feed(self._trim.end()) if self._trim else NOTHING
        return np.concatenate((said, rest, self._ends.end()))

    def _onward(self, samples: Samples) -> Samples:
        return self._ends.feed(self._trim.feed(samples) if self._trim else samples)
