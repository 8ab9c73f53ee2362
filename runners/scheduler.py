"""Which sequence gets which slot, and when. Plain data in, plain data out: no torch, no clock, no tokenizer."""

import heapq
import itertools
from collections import deque
from collections.abc import Callable, Collection, Hashable, Iterable
from typing import Generic, NamedTuple, TypeVar

S = TypeVar("S", bound=Hashable)


class Priority(NamedTuple):
    """Of a waiting sequence."""

    order: float  # the lowest goes first
    leaves: int = 0  # slots of the reserve that it must leave vacant


def first_come(sequence: object) -> Priority:
    """All alike, so that groups take turns."""
    return Priority(0.0)


class QueueFull(Exception):
    """The queue is full; nothing of the group was taken."""


class WaitQueue(Generic[S]):
    """Groups of sequences that wait. One of each group in turn, so that a large group does not delay a small one."""

    def __init__(self) -> None:
        self._groups: deque[deque[S]] = deque()  # what is left of each; the front one is next

    def __len__(self) -> int:
        return sum(map(len, self._groups))

    def __bool__(self) -> bool:
        return bool(self._groups)

    def join(self, group: deque[S]) -> None:
        if group:
            self._groups.append(group)

    def next(self) -> S:
        """The first of the group that waits longest; the group goes to the end of the queue."""
        group = self._groups.popleft()
        sequence = group.popleft()
        self.join(group)
        return sequence

    def ranked(self, priority: Callable[[S], Priority | None]) -> "Ranking[S]":
        return Ranking(self._groups, priority)

    def leave(self, gone: Collection[S]) -> None:
        left = (deque(sequence for sequence in members if sequence not in gone) for members in self._groups)
        self._groups = deque(members for members in left if members)


class Ranking(Generic[S]):
    """A queue's groups by the priorities of their next sequences. Of equal ones whose group waits longest."""

    def __init__(self, groups: deque[deque[S]], priority: Callable[[S], Priority | None]) -> None:
        self._groups = groups
        self._priority = priority
        self._turns = itertools.count()
        self._heap: list[tuple[float, int, int, deque[S]]] = []
        for group in groups:
            self._push(group)

    def _push(self, group: deque[S]) -> None:
        if given := self._priority(group[0]):
            heapq.heappush(self._heap, (given.order, next(self._turns), given.leaves, group))

    def next(self, left: int, reserve: int) -> S | None:
        """Takes the best out of the queue, if so many slots are left vacant beside it. None: nobody may have one."""
        while self._heap:
            _, _, leaves, group = heapq.heappop(self._heap)
            if min(leaves, reserve) > left:
                continue  # nor later: slots become fewer
            self._groups.remove(group)
            sequence = group.popleft()
            if group:
                self._groups.append(group)
                self._push(group)
            return sequence
        return None


class Scheduler(Generic[S]):
    """Two queues, interactive and bulk, into the lowest vacant slot.

    Bulk sequences are admitted while more than `reserve` slots are vacant, so that the next interactive one finds one,
    and a few at a time, because a prefill makes the step longer for all. If there are two slots, bulk is owed one as
    soon as one is vacant, so that it progresses; otherwise interactive sequences go first.

    Low slots first keeps the occupied ones together, so that a step over `0 .. highest` wastes few rows.
    """

    def __init__(self, slots: int, max_waiting: int, reserve: int = 0) -> None:
        self.slots = slots
        self.max_waiting = max_waiting
        self.reserve = min(reserve, slots - 1)
        self._bulk_at_once = max(1, slots // 8)
        self._vacant = list(range(slots))  # a heap
        self._interactive: WaitQueue[S] = WaitQueue()
        self._bulk: WaitQueue[S] = WaitQueue()
        self._live: dict[S, int] = {}
        self._live_bulk: set[S] = set()

    @property
    def live(self) -> dict[S, int]:
        """Sequence to slot. A copy: retire while you iterate."""
        return dict(self._live)

    @property
    def live_bulk(self) -> int:
        """Bulk sequences among the live."""
        return len(self._live_bulk)

    @property
    def waiting(self) -> int:
        """Interactive sequences without a slot."""
        return len(self._interactive)

    @property
    def bulk_waiting(self) -> int:
        return len(self._bulk)

    @property
    def full(self) -> bool:
        """Whether even a single interactive sequence would be refused."""
        return self.waiting >= self.max_waiting and self.waiting >= len(self._vacant)

    def submit(self, group: Iterable[S]) -> None:
        """All sequences of a request enter at once, or none does.

        A group may exceed `max_waiting`, or one with more members than that could never be served; the next group
        then finds the queue full.

        Raises:
            QueueFull: `max_waiting` sequences wait already, and there is no vacant slot for the group.
        """
        members = deque(group)
        if self.waiting >= self.max_waiting and self.waiting + len(members) > len(self._vacant):
            raise QueueFull
        self._interactive.join(members)

    def submit_bulk(self, group: Iterable[S]) -> None:
        """Never refused: bulk work is sent one batch at a time."""
        self._bulk.join(deque(group))

    def admit(
        self,
        priority: Callable[[S], Priority | None] = first_come,
        *,
        most: int | None = None,
        bulk: bool = True,
    ) -> list[tuple[S, int]]:
        """Move waiting sequences, at most so many, into vacant slots; returns what was moved.

        `priority`: of an interactive sequence; None: not now. `bulk`: whether bulk sequences may have any.
        """
        admitted: list[tuple[S, int]] = []
        bulk_left = self._bulk_at_once if bulk else 0
        interactive = self._interactive.ranked(priority) if self._vacant else None
        while interactive and self._vacant and (most is None or len(admitted) < most):
            sequence: S | None = None
            vacant = len(self._vacant)
            owed = 1 if self._bulk and bulk and not self._live_bulk and self.slots > 1 else 0
            if vacant > owed:
                sequence = interactive.next(vacant - 1, self.reserve)
            if sequence is None and self._bulk and bulk_left and (owed or vacant > self.reserve):
                sequence = self._bulk.next()
                bulk_left -= 1
                self._live_bulk.add(sequence)
            if sequence is None:
                break
            slot = self._live[sequence] = heapq.heappop(self._vacant)
            admitted.append((sequence, slot))
        return admitted

    def retire(self, sequence: S) -> int:
        """The sequence is done: its slot is vacant again. Raises KeyError if it holds none."""
        slot = self._live.pop(sequence)
        self._live_bulk.discard(sequence)
        heapq.heappush(self._vacant, slot)
        return slot

    def cancel(self, group: Iterable[S]) -> list[int]:
        """Forget the group's members wherever they are; returns the slots that this vacated."""
        gone = set(group)
        self._interactive.leave(gone)
        self._bulk.leave(gone)
        return [self.retire(sequence) for sequence in gone & self._live.keys()]
