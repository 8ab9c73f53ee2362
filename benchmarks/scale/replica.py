"""A server as the simulation has it: slots, a line, and a clock that ticks in codes.

All live sequences get a code at every step, so they advance together: it is enough to know at which count of codes each
has its first audio and its end. A step takes the longer the more are live, and none is taken while texts are prefilled.
"""

import heapq
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count

from benchmarks.scale.costs import Costs


@dataclass(slots=True)
class Call:
    """What becomes of a request: of its sequences, the first one's first audio is the one that is heard."""

    at: float
    sequences: int
    ended: int = 0  # of its sequences
    first: float | None = None  # seconds since midnight; None: not yet
    gaps: bool = False  # who listens while it comes hears it stop


@dataclass(frozen=True, slots=True)
class _Sequence:
    call: Call
    number: int  # in the order of being heard, from 0


@dataclass(slots=True)
class Replica:
    costs: Costs
    slots: int
    most_waiting: int
    asked: float  # for it, seconds since midnight: it costs from then on
    ready: float
    live: int = 0
    requests: int = 0  # that wait for more: what a gateway counts
    _codes: float = 0.0  # steps so far, fractions too
    _now: float = 0.0
    _stalled: float = 0.0  # no step before
    _waiting: deque[_Sequence] = field(default_factory=deque)
    _events: list[tuple[float, int, _Sequence, bool]] = field(default_factory=list)  # at codes, serial, whose, the end
    _serials: Iterator[int] = field(default_factory=count)

    @property
    def load(self) -> int:
        """Sequences, decoded or waiting."""
        return self.live + len(self._waiting)

    def take(self, call: Call) -> bool:
        """Whether there was room for it."""
        self.advance(call.at)
        if len(self._waiting) + call.sequences > self.most_waiting + self.slots - self.live:
            return False
        self.requests += 1
        self._waiting.extend(_Sequence(call, number) for number in range(call.sequences))
        self._admit()
        return True

    def advance(self, to: float) -> None:
        """Everything that happens until then."""
        while self._events and (due := self._due()) <= to:
            self._codes, self._now = self._events[0][0], due
            _, _, sequence, over = heapq.heappop(self._events)
            if over:
                self._end(sequence)
            elif sequence.number == 0:
                sequence.call.first = due
        if self.live and to > self._from:
            self._codes += (to - self._from) / self.costs.step(self.live)
        self._now = max(self._now, to)

    def idle_by(self) -> float:
        """When all that it has now is said. Ends it."""
        while self._events:
            self.advance(self._due())
        return self._now

    @property
    def _from(self) -> float:
        """Since when steps have been taken that are not in `_codes`."""
        return max(self._now, self._stalled)

    def _due(self) -> float:
        return self._from + (self._events[0][0] - self._codes) * self.costs.step(self.live)

    def _admit(self) -> None:
        together = min(self.slots - self.live, len(self._waiting))
        if not together:
            return
        self._stalled = self._from + self.costs.prefill(together)
        self.live += together
        for _ in range(together):
            sequence = self._waiting.popleft()
            for codes, over in ((self.costs.first_codes, False), (self.costs.codes, True)):
                heapq.heappush(self._events, (self._codes + codes, next(self._serials), sequence, over))

    def _end(self, sequence: _Sequence) -> None:
        self.live -= 1
        heard = sequence.call.first
        if heard is not None and self._now > heard + (sequence.number + 1) * self.costs.audio:
            sequence.call.gaps = True
        sequence.call.ended += 1
        if sequence.call.ended == sequence.call.sequences:
            self.requests -= 1
        self._admit()
