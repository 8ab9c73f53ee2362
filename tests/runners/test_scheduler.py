"""The scheduler against a plain model of what it promises."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from runners.scheduler import QueueFull, Scheduler

MAX_WAITING = 4


def turns(line: list[list[int]], count: int) -> tuple[list[int], list[list[int]]]:
    """The next `count` of a line, one of each group in turn, and what then waits."""
    taken = []
    while line and len(taken) < count:
        first, *others = line
        taken.append(first[0])
        line = others + ([first[1:]] if first[1:] else [])
    return taken, line


def without(gone: set[int], line: list[list[int]]) -> list[list[int]]:
    left = ([sequence for sequence in members if sequence not in gone] for members in line)
    return [members for members in left if members]


class SchedulerMachine(RuleBasedStateMachine):
    """Groups of sequences come in both lanes, are admitted, end and are cancelled in any order."""

    @initialize(slots=st.sampled_from([1, 2, 3, 5, 20]), reserve=st.integers(0, 4))
    def begin(self, slots: int, reserve: int) -> None:
        self.scheduler: Scheduler[int] = Scheduler(slots, MAX_WAITING, reserve)
        self.slots, self.reserve = slots, min(reserve, slots - 1)
        self.line: list[list[int]] = []  # what waits of each group, the next one first
        self.bulk_line: list[list[int]] = []
        self.bulk: set[int] = set()  # every sequence that came in that lane
        self.live: dict[int, int] = {}
        self.next = 0

    def group(self, size: int) -> list[int]:
        self.next += size
        return list(range(self.next - size, self.next))

    @rule(size=st.integers(1, 6))
    def submit(self, size: int) -> None:
        group = self.group(size)
        vacant = self.slots - len(self.live)
        waiting = sum(map(len, self.line))
        refused = waiting >= MAX_WAITING and waiting + size > vacant
        if size == 1:
            assert self.scheduler.full == refused  # told beforehand
        if refused:
            with pytest.raises(QueueFull):
                self.scheduler.submit(group)
        else:
            self.scheduler.submit(group)
            self.line.append(group)

    @rule(size=st.integers(1, 30))
    def submit_bulk(self, size: int) -> None:
        group = self.group(size)
        self.bulk |= set(group)
        self.scheduler.submit_bulk(group)
        self.bulk_line.append(group)

    @rule()
    def admit(self) -> None:
        idle = not self.bulk & self.live.keys()
        free = sorted(set(range(self.slots)) - set(self.live.values()))
        admitted = self.scheduler.admit()
        assert [slot for _, slot in admitted] == free[: len(admitted)]  # lowest first
        interactive = [sequence for sequence, _ in admitted if sequence not in self.bulk]
        bulk = [sequence for sequence, _ in admitted if sequence in self.bulk]
        expected, self.line = turns(self.line, len(interactive))
        assert interactive == expected
        expected, self.bulk_line = turns(self.bulk_line, len(bulk))
        assert bulk == expected
        self.live.update(admitted)
        vacant = self.slots - len(self.live)
        assert not (self.line and vacant)  # nobody waits beside a vacant slot that bulk has not had before
        if bulk and not (idle and len(bulk) == 1 and self.slots > 1):
            assert vacant >= self.reserve
            assert not self.line
        assert len(bulk) <= max(1, self.slots // 8)

    @rule()
    def bulk_always_gets_on(self) -> None:
        self.admit()
        if self.bulk_line and self.slots > 1:
            assert self.bulk & self.live.keys() or len(self.live) == self.slots

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
        self.line, self.bulk_line = without(group, self.line), without(group, self.bulk_line)
        self.live = {sequence: slot for sequence, slot in self.live.items() if sequence not in group}

    @invariant()
    def agrees(self) -> None:
        assert self.scheduler.live == self.live
        assert self.scheduler.waiting == sum(map(len, self.line))
        assert self.scheduler.live_bulk == len(self.bulk & self.live.keys())
        assert self.scheduler.bulk_waiting == sum(map(len, self.bulk_line))
        assert len(set(self.live.values())) == len(self.live)  # a slot has one owner

    def teardown(self) -> None:
        """Whatever waits is admitted in the end, as the slots become vacant."""
        for _ in range(self.next + 1):
            for sequence in list(self.live):
                self.retire_one(sequence)
            self.admit()
        assert not self.line
        assert not self.bulk_line

    def retire_one(self, sequence: int) -> None:
        self.scheduler.retire(sequence)
        del self.live[sequence]


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


def test_bulk_work_fills_all_but_the_reserve_and_does_not_fill_the_line() -> None:
    scheduler: Scheduler[int] = Scheduler(slots=8, max_waiting=2, reserve=2)
    scheduler.submit_bulk(range(100))
    for _ in range(10):
        scheduler.admit()
    assert len(scheduler.live) == 6
    assert not scheduler.full
    scheduler.submit([200, 201])
    assert [sequence for sequence, _ in scheduler.admit()] == [200, 201]
    scheduler.retire(0)
    assert scheduler.admit() == []  # one slot is vacant, and two are kept


def test_interactive_work_without_end_leaves_bulk_one_slot() -> None:
    scheduler: Scheduler[int] = Scheduler(slots=3, max_waiting=1000, reserve=1)
    scheduler.submit(range(1000, 2000))
    scheduler.submit_bulk(range(5))
    said = []
    for _ in range(20):
        scheduler.admit()
        for sequence in scheduler.live:
            scheduler.retire(sequence)
            said.append(sequence)
    assert {0, 1, 2, 3, 4} <= set(said)
    assert len(said) == 60


def test_a_single_slot_goes_to_interactive_work_first() -> None:
    scheduler: Scheduler[int] = Scheduler(slots=1, max_waiting=1)
    scheduler.submit_bulk([1])
    scheduler.submit([2])
    assert [sequence for sequence, _ in scheduler.admit()] == [2]


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


def test_bulk_gets_nothing_while_it_may_have_nothing() -> None:
    scheduler: Scheduler[int] = Scheduler(4, MAX_WAITING, 1)
    scheduler.submit_bulk([1, 2])
    scheduler.submit([3])
    assert [sequence for sequence, _ in scheduler.admit(bulk=False)] == [3]
    assert scheduler.admit(bulk=False) == []
    assert [sequence for sequence, _ in scheduler.admit()] == [1]
