"""What the schedulers share: the order in which a request's texts are heard."""

from collections.abc import AsyncIterator, Sequence

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.service.schedulers.utterances import in_order, utterances
from runners.types import Audio, Event, PieceDone, StopReason


def events_of(utterance: int, windows: int) -> list[Event]:
    samples = [np.array([utterance, window], np.float32) for window in range(windows)]
    return [*(Audio(utterance, 0, part) for part in samples), PieceDone(utterance, 0, windows, StopReason.STOP_CODE)]


async def replay(events: Sequence[Event]) -> AsyncIterator[Event]:
    for event in events:
        yield event


@st.composite
def interleaved(draw: st.DrawFn) -> tuple[list[int], list[Event]]:
    """Windows of each text, and all their events: in order within a text, in any order among texts."""
    windows = draw(st.lists(st.integers(0, 3), min_size=1, max_size=5))
    queues = [events_of(number, count) for number, count in enumerate(windows)]
    turns = draw(st.permutations([number for number, queue in enumerate(queues) for _ in queue]))
    return windows, [queues[number].pop(0) for number in turns]


@settings(max_examples=100, deadline=None)
@given(interleaved())
async def test_texts_are_heard_in_their_order_whatever_order_they_are_said_in(
    case: tuple[list[int], list[Event]],
) -> None:
    windows, events = case
    heard = [tuple(part) async for part in in_order(replay(events))]
    assert heard == [(number, window) for number, count in enumerate(windows) for window in range(count)]


async def test_the_first_text_is_heard_as_it_comes() -> None:
    events = in_order(replay(events_of(0, 2)[:1]))
    assert len([part async for part in events]) == 1


def test_texts_become_utterances_in_their_order() -> None:
    assert [each.text for each in utterances(["One.", "Two."], "Low")] == ["One.", "Two."]
