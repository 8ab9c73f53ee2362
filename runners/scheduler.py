"""Which sequence gets which slot, and when. Plain data in, plain data out: no torch, no clock, no tokenizer."""

import heapq
from collections import deque
from collections.abc import Hashable, Iterable
from typing import Generic, TypeVar

S = TypeVar("S", bound=Hashable)


class QueueFull(Exception):
    """The waiting line is full; nothing of the group was taken."""


class Scheduler(Generic[S]):
    """Requests in turn, each one's sequences in order, into the lowest vacant slot.

    In turn, so that a request of hundreds of sequences does not keep one of a single sequence waiting. Low slots
    first keeps the occupied ones together, so that a step over `0 .. highest` wastes few rows.
    """

    def __init__(self, slots: int, max_waiting: int) -> None:
        self.slots = slots
        self.max_waiting = max_waiting
        self._vacant = list(range(slots))  # a heap
        self._waiting: deque[deque[S]] = deque()  # what is left of each group; the front one is next
        self._live: dict[S, int] = {}

    @property
    def live(self) -> dict[S, int]:
        """Sequence to slot. A copy: retire while you iterate."""
        return dict(self._live)

    @property
    def waiting(self) -> int:
        return sum(map(len, self._waiting))

    @property
    def full(self) -> bool:
        """Whether even a single sequence would be refused."""
        return self.waiting >= self.max_waiting and not self._vacant

    def submit(self, group: Iterable[S]) -> None:
        """All sequences of a request enter at once, or none does.

        A group may overshoot the line's end, so that one with more members than the line has places can be served at
        all; the next group then finds the line full.

        Raises:
            QueueFull: `max_waiting` sequences wait already, and there is no vacant slot for the group.
        """
        members = deque(group)
        if self.waiting >= self.max_waiting and self.waiting + len(members) > len(self._vacant):
            raise QueueFull
        if members:
            self._waiting.append(members)

    def admit(self) -> list[tuple[S, int]]:
        """Move waiting sequences into vacant slots, one of each group in turn; returns what was moved."""
        admitted = []
        while self._waiting and self._vacant:
            group = self._waiting.popleft()
            sequence, slot = group.popleft(), heapq.heappop(self._vacant)
            if group:
                self._waiting.append(group)
            self._live[sequence] = slot
            admitted.append((sequence, slot))
        return admitted

    def retire(self, sequence: S) -> int:
        """The sequence is done: its slot is vacant again. Raises KeyError if it holds none."""
        slot = self._live.pop(sequence)
        heapq.heappush(self._vacant, slot)
        return slot

    def cancel(self, group: Iterable[S]) -> list[int]:
        """Forget the group's members wherever they are; returns the slots that this vacated."""
        gone = set(group)
        left = (deque(sequence for sequence in members if sequence not in gone) for members in self._waiting)
        self._waiting = deque(members for members in left if members)
        return [self.retire(sequence) for sequence in gone & self._live.keys()]
