"""What the engine reports about its work."""

from collections.abc import Sequence


class Observer:
    """Ignores every report; runners/metrics.py counts them. It is called between two steps, on the engine's thread or
    under its lock: a method takes microseconds and raises nothing."""

    def load(self, slots: int, live: int, bulk: int, waiting: int) -> None:
        """Sequences hold `live` of the slots, bulk ones `bulk` of those; `waiting` interactive ones have no slot."""

    def admitted(self, sequences: int, waited: Sequence[float]) -> None:
        """So many sequences get slots together. waited: the seconds that each interactive one of them has waited."""

    def held(self, seconds: float) -> None:
        """A stream begins, so long after its first code: begun earlier, its listener would have run dry."""

    def stepped(self, sequences: int, seconds: float) -> None:
        """A decode step was taken for so many sequences."""
