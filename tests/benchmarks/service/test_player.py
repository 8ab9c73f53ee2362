"""A player's silences, against what follows from when each chunk came and how long it is."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.service.player import Chunk, play

GAPS = st.floats(0, 5)
streams = st.lists(st.tuples(GAPS, st.floats(0, 3)), min_size=1, max_size=20)


def arriving(gaps: list[tuple[float, float]]) -> list[Chunk]:
    """Chunks by the time since the one before, and their length."""
    at, chunks = 0.0, []
    for gap, audio in gaps:
        at += gap
        chunks.append(Chunk(at, audio))
    return chunks


def test_nothing_heard_is_nothing_missed() -> None:
    assert play([]).underruns == 0


def test_a_chunk_that_comes_in_time_is_no_underrun_and_one_that_does_not_is() -> None:
    in_time = [Chunk(2.0, 1.0), Chunk(2.5, 0.5), Chunk(3.5, 1.0)]
    assert play(in_time).underruns == 0
    late = [Chunk(2.0, 1.0), Chunk(3.25, 0.5), Chunk(4.0, 1.0)]
    assert play(late).underruns == 2
    assert play(late).stalled == pytest.approx(0.5)


@settings(max_examples=100, deadline=None)
@given(streams)
def test_play_ends_when_the_chunk_that_holds_it_up_most_and_all_after_it_are_played(
    gaps: list[tuple[float, float]],
) -> None:
    chunks = arriving(gaps)
    end = max(chunk.at + sum(later.audio for later in chunks[number:]) for number, chunk in enumerate(chunks))
    played = play(chunks)
    assert chunks[0].at + sum(chunk.audio for chunk in chunks) + played.stalled == pytest.approx(end)


@settings(max_examples=100, deadline=None)
@given(streams)
def test_it_stalls_if_and_only_if_there_are_underruns(gaps: list[tuple[float, float]]) -> None:
    played = play(arriving(gaps))
    assert (played.stalled > 0) == (played.underruns > 0)
    assert played.underruns < len(gaps)


@settings(max_examples=50, deadline=None)
@given(streams)
def test_one_that_waits_long_enough_never_stalls(gaps: list[tuple[float, float]]) -> None:
    chunks = arriving(gaps)
    at_once = [Chunk(chunks[-1].at, chunk.audio) for chunk in chunks]
    assert play(at_once).underruns == 0
