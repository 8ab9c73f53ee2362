"""Figures from what was heard: ranks, who waits, throughput."""

from math import inf

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.service.clients import Heard
from benchmarks.service.outcome import Outcome, nearest_rank, throughput, waiting
from benchmarks.service.player import Chunk

VALUES = st.lists(st.floats(0, 100) | st.just(inf), min_size=1, max_size=50)


def heard(due: float, first: float | None = None, end: float | None = None, error: str | None = None) -> Heard:
    """One second of audio at `first`, if at all."""
    return Heard("short", due, [] if first is None else [Chunk(first, 1.0)], end, error)


@settings(max_examples=100, deadline=None)
@given(VALUES, st.floats(1, 100))
def test_the_nearest_rank_is_the_least_value_that_so_many_do_not_exceed(values: list[float], percent: float) -> None:
    found = nearest_rank(values, percent)
    enough = len(values) * percent / 100
    assert found in values
    assert sum(value <= found for value in values) >= enough
    assert sum(value < found for value in values) < enough


def test_what_has_not_ended_or_failed_is_as_late_as_can_be() -> None:
    cell = [heard(0, 1, 2), heard(0, 1, 3), heard(1, 2), heard(1, end=1.5, error="500")]
    outcome = Outcome.of(cell, 4)
    assert (outcome.requests, outcome.errors, outcome.unfinished) == (4, 1, 1)
    assert outcome.latency == (3, inf, inf)
    assert outcome.first_audio == (1, inf, inf)


def test_times_count_from_when_a_request_was_due() -> None:
    outcome = Outcome.of([heard(10, 12, 15)], 20)
    assert outcome.latency[0] == 5
    assert outcome.first_audio[0] == 2


def test_the_share_of_those_that_stalled_is_of_those_that_were_heard() -> None:
    stalled = Heard("long", 0, [Chunk(1, 1), Chunk(4, 1)], 4)
    outcome = Outcome.of([stalled, heard(0, 1, 1), heard(0)], 4)
    assert outcome.underrun == 0.5
    assert outcome.stalled == 2


def test_smooth_speech_begins_with_the_first_audio_and_all_gaps() -> None:
    gaps = Heard("long", 0, [Chunk(1, 1), Chunk(4, 1), Chunk(5.5, 1)], 6)
    assert Outcome.of([gaps], 6).smooth[0] == 1 + 2 + 0.5
    assert Outcome.of([heard(0, 1)], 6).smooth[0] == inf


def test_they_wait_from_due_to_their_first_audio_or_to_their_error_or_for_ever() -> None:
    depths = waiting([heard(0.5, 1.0, 3), heard(0.5, end=1.5, error="500"), heard(1.25)], 2)
    assert depths == [0, 0, 2, 2, 1, 2, 1, 1]


def test_nobody_came() -> None:
    outcome = Outcome.of([], 4)
    assert outcome.requests == outcome.waiting_most == 0


@pytest.mark.parametrize("batch", [1, 4])
def test_throughput_is_the_same_for_answers_one_by_one_and_in_bursts(batch: int) -> None:
    """Four clients, a second of audio an answer, four answers a second: singly, or four at once."""
    ends = [(number // batch + 1) * batch / 4 for number in range(40)]
    cell = [heard(0, end, end) for end in ends] + [heard(9.9)]
    assert throughput(cell, clients=4) == pytest.approx(4)
