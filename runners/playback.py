"""What the listener of a stream has got of it, and by when all of that will have been played. No torch."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from runners.types import Audio, PieceDone

STARTING: Final = 0.3  # seconds in hand that a listener counts as having who has heard nothing

Deliver = Callable[[Audio | PieceDone], None]


class Playback:
    """Of a request's sequences, one after the other, in whatever order they are made.

    What is made before the stream begins is held.
    """

    def __init__(self) -> None:
        self.turn = 0  # of the sequence that is delivered now
        self.started = False  # whether anything may be delivered
        self.ready = 0.0  # when it had its first code
        self._held: list[tuple[int, Audio | PieceDone, float]] = []  # turn, and seconds of audio
        self._dry: float | None = None  # when all that was delivered will have been played
        self._early: dict[int, float] = defaultdict(float)  # by turn
        self._done: set[int] = set()

    @property
    def ahead(self) -> float:
        """Seconds of audio that are held, or were delivered before their turn."""
        return sum(seconds for *_, seconds in self._held) + sum(self._early.values())

    @property
    def begun(self) -> bool:
        return self._dry is not None

    def send(self, deliver: Deliver, turn: int, event: Audio | PieceDone, seconds: float, now: float) -> None:
        """Now, or when the stream begins. `seconds`: of the event's audio."""
        if not self.started:
            self._held.append((turn, event, seconds))
            return
        deliver(event)
        if isinstance(event, Audio):
            self.delivered(turn, seconds, now)
        else:
            self.finished(turn, now)

    def start(self, deliver: Deliver, waited: float, now: float) -> None:
        """Sends what was held. `waited`: seconds that the request did in all."""
        self.started = True
        for turn, event, seconds in self._held:
            told = replace(event, waited=waited) if isinstance(event, Audio) else event
            self.send(deliver, turn, told, seconds, now)
        self._held.clear()

    def delivered(self, turn: int, seconds: float, now: float) -> None:
        if turn == self.turn:
            self._dry = max(self._dry or now, now) + seconds
        else:
            self._early[turn] += seconds

    def finished(self, turn: int, now: float) -> None:
        self._done.add(turn)
        while self.turn in self._done:
            self.turn += 1
            if early := self._early.pop(self.turn, 0.0):
                self.delivered(self.turn, early, now)

    def in_hand(self, now: float) -> float:
        """Seconds until the listener runs dry, below 0 since then."""
        return STARTING if self._dry is None else self._dry - now
