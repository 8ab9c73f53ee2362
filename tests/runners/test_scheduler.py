"""The scheduler against a plain model of what it promises."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from runners.scheduler import QueueFull, Scheduler

SLOTS, MAX_WAITING = 3, 4


class SchedulerMachine(RuleBasedStateMachine):
    """Groups of sequences come, are admitted, end and are cancelled in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.scheduler: Scheduler[int] = Scheduler(SLOTS, MAX_WAITING)
        self.line: list[list[int]] = []  # what waits of each group, the next one first
        self.live: dict[int, int] = {}
        self.next = 0

    @rule(size=st.integers(1, 6))
    def submit(self, size: int) -> None:
        group = range(self.next, self.next + size)
        self.next += size
        vacant = SLOTS - len(self.live)
        waiting = sum(map(len, self.line))
        if waiting >= MAX_WAITING and waiting + size > vacant:
            with pytest.raises(QueueFull):
                self.scheduler.submit(group)
        else:
            self.scheduler.submit(group)
            self.line.append(list(group))

    @rule()
    def admit(self) -> None:
        admitted = self.scheduler.admit()
        expected = []
        while self.line and len(expected) < SLOTS - len(self.live):
            first, *others = self.line
            expected.append(first[0])
            self.line = others + ([first[1:]] if first[1:] else [])
        assert [sequence for sequence, _ in admitted] == expected  # one of each group in turn
        free = sorted(set(range(SLOTS)) - set(self.live.values()))
        assert [slot for _, slot in admitted] == free[: len(admitted)]  # lowest first
        self.live.update(admitted)

    @precondition(lambda self: self.live)
    @rule(data=st.data())
    def retire(self, data: st.DataObject) -> None:
        sequence = data.draw(st.sampled_from(sorted(self.live)))
        assert self.scheduler.retire(sequence) == self.live.pop(sequence)

    @precondition(lambda self: self.next)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        group = data.draw(st.sets(st.integers(0, self.next - 1)))  # waiting, live, ended: all may be named
        freed = self.scheduler.cancel(group)
        assert sorted(freed) == sorted(slot for sequence, slot in self.live.items() if sequence in group)
        left = [[sequence for sequence in members if sequence not in group] for members in self.line]
        self.line = [members for members in left if members]
        self.live = {sequence: slot for sequence, slot in self.live.items() if sequence not in group}

    @invariant()
    def agrees(self) -> None:
        assert self.scheduler.live == self.live
        assert self.scheduler.waiting == sum(map(len, self.line))
        assert len(set(self.live.values())) == len(self.live)  # a slot has one owner


TestScheduler = SchedulerMachine.TestCase
TestScheduler.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)


def test_a_small_group_does_not_wait_for_a_large_one() -> None:
    scheduler: Scheduler[int] = Scheduler(slots=1, max_waiting=1000)
    scheduler.submit(range(500))
    scheduler.submit([1000])
    for expected in (0, 1000, 1):
        ((sequence, _),) = scheduler.admit()
        assert sequence == expected
        scheduler.retire(sequence)


def test_a_group_larger_than_the_line_is_taken_when_the_line_has_room() -> None:
    scheduler: Scheduler[int] = Scheduler(slots=2, max_waiting=3)
    scheduler.submit(range(50))
    with pytest.raises(QueueFull):
        scheduler.submit([99])
    assert scheduler.waiting == 50


def test_a_full_line_takes_nothing_of_a_group() -> None:
    scheduler: Scheduler[int] = Scheduler(slots=1, max_waiting=1)
    scheduler.submit([1])
    with pytest.raises(QueueFull):
        scheduler.submit([2, 3])
    assert [sequence for sequence, _ in scheduler.admit()] == [1]
    assert scheduler.waiting == 0


@given(st.lists(st.integers(), unique=True, max_size=20))
@settings(max_examples=30)
def test_everything_submitted_is_admitted_once_and_in_order(sequences: list[int]) -> None:
    scheduler: Scheduler[int] = Scheduler(slots=2, max_waiting=100)
    scheduler.submit(sequences)
    seen = []
    while admitted := scheduler.admit():
        seen += [sequence for sequence, _ in admitted]
        for sequence, _ in admitted:
            scheduler.retire(sequence)
    assert seen == sequences
