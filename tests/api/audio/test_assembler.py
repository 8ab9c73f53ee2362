"""Utterances become one signal: each with its pause, in order, whatever the engine cuts and whatever comes first."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from api.audio.assembler import Assembler
from api.audio.edges import Fade
from runners.types import Audio, Event, PieceDone, StopReason
from tests.api.audio.signals import KINDS, RATE, Samples, signal, sounds, tone

FADE, FRAME, MARGIN = 120, 240, 480  # samples

Pieces = list[list[Samples]]  # of each utterance


@dataclass(frozen=True)
class Assembled:
    samples: Samples
    spans: list[tuple[int, int]]


def done(utterance: int = 0, piece: int = 0, *, last: bool = True) -> PieceDone:
    return PieceDone(utterance, piece, 1, StopReason.STOP_CODE, last=last)


def feed(assembler: Assembler, *events: Event) -> Samples:
    blocks = [block for event in events for block in assembler.feed(event)]
    assert all(block.dtype == np.float32 and block.size for block in blocks)
    return np.concatenate((np.zeros(0, np.float32), *blocks))


def in_order(utterances: Pieces) -> list[Event]:
    """Each piece whole, one after the other."""
    return [
        event
        for number, pieces in enumerate(utterances)
        for index, piece in enumerate(pieces)
        for event in (Audio(number, index, piece), done(number, index, last=index == len(pieces) - 1))
    ]


def assembled(pauses: Sequence[float], events: Sequence[Event], *, trim: bool) -> Assembled:
    assembler = Assembler(pauses, RATE, trim=trim)
    samples = feed(assembler, *events)
    assert assembler.length == len(samples)
    return Assembled(samples, assembler.spans)


def assemble(*segments: tuple[Samples, float], trim: bool = False) -> Assembled:
    """Utterances of one piece each, and their pauses."""
    return assembled([pause for _, pause in segments], in_order([[samples] for samples, _ in segments]), trim=trim)


segments = st.lists(
    st.tuples(
        st.builds(signal, st.sampled_from(KINDS), st.integers(0, 2000), st.integers(0, 9)),
        st.one_of(st.just(0.0), st.floats(0, 0.05)),
    ),
    min_size=1,
    max_size=8,
)


@given(parts=segments, trim=st.booleans())
@settings(max_examples=60, deadline=None)
def test_the_whole_is_its_parts_in_order_and_nothing_else(parts: list[tuple[Samples, float]], trim: bool) -> None:
    whole = assemble(*parts, trim=trim)
    position = 0
    for (samples, seconds), (start, end) in zip(parts, whole.spans, strict=True):
        alone = assemble((samples, 0.0), trim=trim).samples
        pause = round(seconds * RATE)
        assert (start, end) == (position, position + len(alone))
        assert np.array_equal(whole.samples[position : position + len(alone)], alone)
        position += len(alone)
        silence = whole.samples[position : position + pause]
        assert len(silence) == pause
        assert not silence.any()
        position += pause
    assert position == len(whole.samples)


@given(parts=segments, trim=st.booleans())
@settings(max_examples=60, deadline=None)
def test_no_join_clicks(parts: list[tuple[Samples, float]], trim: bool) -> None:
    whole = assemble(*parts, trim=trim)
    steps = np.abs(np.diff(whole.samples, prepend=0, append=0))  # the file starts from and ends in silence
    for span in whole.spans:
        for edge in set(span):
            assert steps[edge] == 0
            assert steps[max(0, edge - 8) : edge + 9].max() <= 0.03


def test_a_constant_full_scale_signal_rises_and_falls_gently() -> None:
    whole = assemble((signal("positive", 5000), 0.0), (signal("negative", 5000), 0.1))
    assert np.abs(np.diff(whole.samples)).max() < 0.03


def test_the_ends_are_faded_once() -> None:
    loud = signal("positive", 5000)
    fade = Fade(RATE)
    assert np.array_equal(assemble((loud, 0.0)).samples, np.concatenate((fade.feed(loud), fade.end())))


def test_pauses_are_exact_to_the_sample() -> None:
    whole = assemble((tone(0.1), 0.5), (tone(0.2), 0.7))
    assert len(whole.samples) == 2400 + 12000 + 4800 + 16800
    assert whole.spans == [(0, 2400), (14400, 19200)]
    assert not whole.samples[2400:14400].any()
    assert not whole.samples[-16800:].any()


def test_a_long_pause_is_exact_and_takes_no_memory_of_its_own() -> None:
    assembler = Assembler([60.0, 59.99], RATE, trim=False)
    blocks = [block for event in in_order([[tone(0.1)], [tone(0.1)]]) for block in assembler.feed(event)]
    assert sum(map(len, blocks)) == 2 * 2400 + 60 * RATE + 1_439_760
    owners = {id(block.base if block.base is not None else block): block for block in blocks}
    assert sum((each if each.base is None else each.base).nbytes for each in owners.values()) < 2**19


def test_silence_is_trimmed_on_request_only() -> None:
    said = np.concatenate([np.zeros(5000), tone(0.1), np.zeros(5000)]).astype(np.float32)
    assert assemble((said, 0.0)).spans == [(0, 12400)]
    assert len(assemble((said, 0.0), trim=True).samples) < 2400 + 2 * (MARGIN + FRAME)


def test_the_callers_samples_are_left_alone() -> None:
    samples = signal("positive", 1000)
    assemble((samples, 0.0), trim=True)
    assert (samples == 1).all()


def cut(draw: st.DrawFn, samples: Samples) -> list[Samples]:
    places = draw(st.lists(st.integers(0, len(samples)), max_size=5))
    return np.split(samples, sorted(places))


@st.composite
def requests(draw: st.DrawFn) -> tuple[Pieces, list[float], list[Event]]:
    """Utterances of some pieces each, their pauses, and their events: in order within a piece, in any among pieces."""
    utterances: Pieces = draw(st.lists(st.lists(sounds(), min_size=1, max_size=3), min_size=1, max_size=3))
    pauses = draw(st.lists(st.floats(0, 0.02), min_size=len(utterances), max_size=len(utterances)))
    queues: list[list[Event]] = []
    for number, pieces in enumerate(utterances):
        for index, piece in enumerate(pieces):
            end = done(number, index, last=index == len(pieces) - 1)
            queues.append([*(Audio(number, index, part) for part in cut(draw, piece)), end])
    turns = draw(st.permutations([number for number, queue in enumerate(queues) for _ in queue]))
    return utterances, pauses, [queues[number].pop(0) for number in turns]


@given(request=requests(), trim=st.booleans())
@settings(max_examples=150, deadline=None)
def test_neither_cuts_nor_order_change_anything(request: tuple[Pieces, list[float], list[Event]], trim: bool) -> None:
    utterances, pauses, events = request
    live, whole = assembled(pauses, events, trim=trim), assembled(pauses, in_order(utterances), trim=trim)
    assert np.array_equal(live.samples, whole.samples)
    assert live.spans == whole.spans


def test_pieces_of_one_utterance_meet_without_a_click_or_a_pause() -> None:
    pieces = [signal("positive", 3000), signal("negative", 3000)]
    joined = assembled([0.0], in_order([pieces]), trim=False)
    assert joined.spans == [(0, 6000)]
    assert np.abs(np.diff(joined.samples)).max() < 0.03
    assert (joined.samples[FADE : 3000 - FADE] == 1).all()


def silence(seconds: float) -> Samples:
    return np.zeros(round(seconds * RATE), np.float32)


def fed(trim: bool, *parts: Samples) -> Assembler:
    assembler = Assembler([0.0], RATE, trim=trim)
    for part in parts:
        assembler.feed(Audio(0, 0, part))
    return assembler


def test_only_the_fades_are_held_back() -> None:
    assert len(feed(fed(False), Audio(0, 0, tone(0.3)))) == 7200 - 2 * FADE


def test_an_utterance_leaves_once_its_onset_is_over() -> None:
    lead = silence(0.2)
    assert not fed(True, lead).feed(Audio(0, 0, tone(0.09)))
    assert len(feed(fed(True, lead, tone(0.09)), Audio(0, 0, tone(0.1)))) > 0.15 * RATE


def test_a_pause_within_an_utterance_waits_for_what_follows_it() -> None:
    assembler = fed(True, tone(0.5))
    assert len(feed(assembler, Audio(0, 0, silence(1.0)))) <= MARGIN + 2 * FADE
    assert len(feed(assembler, Audio(0, 0, tone(0.1)))) > RATE


def test_an_utterance_waits_for_its_turn() -> None:
    assembler = Assembler([0.25, 0.0], RATE, trim=False)
    assert not feed(assembler, Audio(1, 0, tone(0.2)), done(1)).size
    feed(assembler, Audio(0, 0, tone(0.1)))
    assert len(feed(assembler, done(0))) == 2 * FADE + 6000 + 4800
