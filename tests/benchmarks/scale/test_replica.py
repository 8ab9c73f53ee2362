"""A simulated server: nobody is lost, who waits takes turns, and alone it is as quick as what was measured."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.scale.costs import Costs
from benchmarks.scale.replica import Call, Replica

COSTS = Costs(
    codes=100,
    live=(1, 4, 8),
    steps=(0.02, 0.04, 0.08),
    prefills=(0.1, 0.4, 0.8),
    firsts=(0.3, 0.8, 1.6),
    start=20.0,
    device="cpu",
)
CALLS = st.lists(st.tuples(st.floats(0, 5), st.integers(1, 5)), min_size=1, max_size=30)


def replica(slots: int = 4, max_waiting: int = 256) -> Replica:
    return Replica(COSTS, slots, max_waiting, asked=0.0, ready=0.0)


def test_alone_it_takes_what_was_measured():
    server, call = replica(), Call(10.0, 1)
    assert server.take(call)
    assert server.idle_by() == pytest.approx(10.0 + 0.1 + 100 * 0.02)
    assert call.first == pytest.approx(10.0 + COSTS.firsts[0])
    assert not call.gaps


def test_together_they_take_what_was_measured_of_so_many():
    server, call = replica(), Call(0.0, 4)
    assert server.take(call)
    assert server.idle_by() == pytest.approx(0.4 + 100 * 0.04)


def test_who_finds_no_slot_waits_for_one():
    server = replica(slots=1)
    first, second = Call(0.0, 1), Call(0.0, 1)
    assert server.take(first)
    assert server.take(second)
    assert (server.live, server.load) == (1, 2)
    server.idle_by()
    assert second.first == pytest.approx(0.1 + 2.0 + COSTS.firsts[0])


def test_who_waits_takes_turns_and_slots_that_come_free_together_are_taken_together():
    flat = replace(COSTS, prefills=(0.1, 0.1, 0.1))  # one after the other would take longer
    server = Replica(flat, 2, 256, asked=0.0, ready=0.0)
    running, long, single = Call(0.0, 2), Call(0.0, 3), Call(0.0, 1)
    assert all(server.take(call) for call in (running, long, single))
    server.idle_by()
    freed = flat.prefill(2) + flat.codes * flat.step(2)
    assert long.first == single.first == pytest.approx(freed + flat.first(2))


def test_a_line_may_be_overshot_and_then_turns_away_at_once():
    server = replica(slots=2, max_waiting=1)
    assert server.take(Call(0.0, 5))
    assert not server.take(Call(0.0, 1))
    assert server.load == 5


def test_speech_that_comes_slower_than_it_is_heard_has_gaps():
    server, call = replica(slots=8), Call(0.0, 1)
    server.take(call)
    server.take(Call(0.0, 7))
    server.idle_by()  # a step of 80 ms, a code of 46
    assert call.gaps


@pytest.mark.parametrize(("others", "gaps"), [(1, False), (2, True)])
def test_a_sentence_that_begins_late_is_a_gap_even_if_it_ends_in_time(others: int, gaps: bool):
    """Each takes 2.1 s and lasts 4.6 s: a single may have its turn between the call's two, but two singles may not."""
    server, call = replica(slots=1), Call(0.0, 2)
    for each in (Call(0.0, 1), call, *(Call(0.0, 1) for _ in range(others))):
        server.take(each)
    server.idle_by()
    assert call.gaps is gaps


@settings(max_examples=60, deadline=None)
@given(CALLS, st.integers(1, 8))
def test_everybody_is_heard_and_no_slot_holds_two(calls: list[tuple[float, int]], slots: int):
    server = replica(slots)
    taken = [Call(at, sequences) for at, sequences in sorted(calls)]
    for call in taken:
        assert server.take(call)
        assert 0 <= server.live <= slots
    end = server.idle_by()
    assert server.load == 0
    assert all(call.first is not None and call.at + COSTS.firsts[0] <= call.first + 1e-6 for call in taken)
    longest = sum(call.sequences for call in taken) * (COSTS.prefill(1) + COSTS.codes * max(COSTS.steps))
    assert end <= max(call.at for call in taken) + longest


@settings(max_examples=40, deadline=None)
@given(CALLS, st.lists(st.floats(0, 20), max_size=20))
def test_looking_changes_nothing(calls: list[tuple[float, int]], looks: list[float]):
    watched, left_alone = replica(), replica()
    heard: list[tuple[Call, Call]] = []
    for at, sequences in sorted([*calls, *((at, 0) for at in looks)]):
        if sequences:
            heard.append((Call(at, sequences), Call(at, sequences)))
            assert watched.take(heard[-1][0])
            assert left_alone.take(heard[-1][1])
        else:
            watched.advance(at)
    watched.idle_by()
    left_alone.idle_by()
    assert [one.first for one, _ in heard] == pytest.approx([other.first for _, other in heard])
