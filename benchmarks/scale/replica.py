"""A server as the simulation has it: the engine's own scheduler, and a clock that ticks in codes.

All live sequences get a code at every step, so they advance together: it is enough to know at which count of codes each
has its first audio and its end. A step takes the longer the more are live, and none is taken while texts are prefilled.
"""

import heapq
from collections.abc import Iterator
from dataclasses import InitVar, dataclass, field
from itertools import count

from benchmarks.scale.costs import Costs
from runners.scheduler import QueueFull, Scheduler


@dataclass(slots=True)
class Call:
    """What becomes of a request: of its sequences, the first one's first audio is the one that is heard."""

    at: float
    sequences: int
    ended: int = 0  # of its sequences
    first: float | None = None  # seconds since midnight; None: not yet
    gaps: bool = False  # who listens while it comes hears it stop


@dataclass(frozen=True, slots=True, eq=False)  # each is only itself
class _Sequence:
    call: Call
    number: int  # in the order of being heard, from 0


@dataclass(slots=True)
class Replica:
    costs: Costs
    slots: InitVar[int]
    max_waiting: InitVar[int]
    asked: float  # for it, seconds since midnight: it costs from then on
    ready: float
    requests: int = 0  # that wait for more: what a gateway counts
    _scheduler: Scheduler[_Sequence] = field(init=False)
    _codes: float = 0.0  # steps so far, fractions too
    _now: float = 0.0
    _stalled: float = 0.0  # no step before
    _events: list[tuple[float, int, _Sequence, bool]] = field(default_factory=list)  # at codes, serial, whose, the end
    _serials: Iterator[int] = field(default_factory=count)

    def __post_init__(self, slots: int, max_waiting: int) -> None:
        self._scheduler = Scheduler(slots, max_waiting)

    @property
    def live(self) -> int:
        return len(self._scheduler.live)

    @property
    def load(self) -> int:
        """Sequences, decoded or waiting."""
        return self.live + self._scheduler.waiting

    def take(self, call: Call) -> bool:
        """Whether there was room for it."""
        self.advance(call.at)
        try:
            self._scheduler.submit(_Sequence(call, number) for number in range(call.sequences))
        except QueueFull:
            return False
        self.requests += 1
        self._admit()
        return True

    def advance(self, to: float) -> None:
        """Everything that happens until then."""
        while self._events and (due := self._due()) <= to:
            self._codes, self._now = self._events[0][0], due
            self._step()
            self._admit()
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

    def _step(self) -> None:
        """What comes with the code that all have just got. Slots that it frees together are taken together."""
        while self._events and self._events[0][0] == self._codes:
            _, _, sequence, over = heapq.heappop(self._events)
            if over:
                self._end(sequence)
            else:
                self._begin(sequence)

    def _admit(self) -> None:
        admitted = self._scheduler.admit()
        if not admitted:
            return
        self._stalled = self._from + self.costs.prefill(len(admitted))
        for sequence, _ in admitted:
            for codes, over in ((self.costs.first_codes, False), (self.costs.codes, True)):
                heapq.heappush(self._events, (self._codes + codes, next(self._serials), sequence, over))

    def _begin(self, sequence: _Sequence) -> None:
        if sequence.number == 0:
            sequence.call.first = self._now
        self._play(sequence.call, sequence.number)

    def _end(self, sequence: _Sequence) -> None:
        self._play(sequence.call, sequence.number + 1)
        self._scheduler.retire(sequence)
        sequence.call.ended += 1
        if sequence.call.ended == sequence.call.sequences:
            self.requests -= 1

    def _play(self, call: Call, sentences: int) -> None:
        """There is audio up to here now; a listener needs it when so many sentences have been played."""
        if call.first is not None and self._now > call.first + sentences * self.costs.audio:
            call.gaps = True
