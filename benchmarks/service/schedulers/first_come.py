"""The service with slots and the vocoder given out first come, first served, whoever listens.

Every stream begins with its first window, a short one, and the longer its windows become the cheaper they are.
"""

from collections.abc import Sequence as Items

import runners.synthesizer
import service
from runners.pacing import Pacing
from runners.scheduler import Priority, first_come
from runners.sequence import Request, Sequence


class FirstCome(Pacing):
    bulk_waits = one_by_one = False

    def priority(self, waiting: Sequence) -> Priority:
        return first_come(waiting)

    def look(self, sequences: Items[Sequence], now: float) -> Request | None:
        super().look(sequences, now)
        streams = {each.request: each.request.playback for each in sequences}
        return next((request for request, playback in streams.items() if playback and not playback.started), None)

    def windows(self, sequences: Items[Sequence]) -> list[tuple[Sequence, int]]:
        return [(sequence, self._size(sequence.vocoded)) for sequence in sequences]

    def _size(self, vocoded: int) -> int:
        """Frames of the window that comes after so many: as many again, up to the longest."""
        return next((size for size in self.sizes if size > vocoded), self.sizes[-1])


runners.synthesizer.Pacing = FirstCome  # type: ignore[attr-defined]  # before any worker builds its engine
XTTS = service.XTTS
