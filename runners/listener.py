"""What the engine tells of its work to whoever counts it."""

from collections.abc import Sequence
from typing import Final


class Listener:
    """Hears nothing; runners/metrics.py does. It is called between two steps, by the engine's thread or under its
    lock: an answer is a matter of microseconds, and never an error."""

    def load(self, slots: int, live: int, bulk: int, waiting: int) -> None:
        """Of so many slots, sequences hold `live`, those of long jobs `bulk` of them, and others wait for one."""

    def admitted(self, sequences: int, waited: Sequence[float]) -> None:
        """So many get their slots together; for those that somebody waits for, the seconds that each has waited."""

    def stepped(self, sequences: int, seconds: float) -> None:
        """A decode step was taken, for so many sequences."""


SILENCE: Final = Listener()
