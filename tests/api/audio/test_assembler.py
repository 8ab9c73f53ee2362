"""What is assembled while it is said equals what is assembled afterwards, and is held back no longer than needed."""

from collections.abc import Sequence

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from api.audio.assemble import Segment, assemble, join_pieces
from api.audio.assembler import Assembler
from api.audio.edges import Trim, trim_silence
from runners.types import Audio, Event, PieceDone, StopReason

RATE = 24000
FADE, FRAME, MARGIN = 120, 240, 480  # samples
ONSET = 10  # frames

Samples = NDArray[np.float32]
Pieces = list[list[Samples]]  # of each utterance

stretches = st.tuples(st.sampled_from([0.0, 3e-4, 2e-3, 2e-2, 0.3, 1.0]), st.integers(0, 1500))  # level and length


@st.composite
def sounds(draw: st.DrawFn) -> Samples:
    """Silence, murmur and speech in any order: levels on both sides of every limit."""
    random = np.random.default_rng(draw(st.integers(0, 9)))
    parts = [
        level * random.uniform(-1, 1, length) for level, length in draw(st.lists(stretches, min_size=1, max_size=6))
    ]
    return np.concatenate(parts).astype(np.float32)


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
            done = PieceDone(number, index, 1, StopReason.STOP_CODE, last=index == len(pieces) - 1)
            queues.append([*(Audio(number, index, part) for part in cut(draw, piece)), done])
    turns = draw(st.permutations([number for number, queue in enumerate(queues) for _ in queue]))
    return utterances, pauses, [queues[number].pop(0) for number in turns]


@given(request=requests(), trim=st.booleans())
@settings(max_examples=150, deadline=None)
def test_it_equals_the_whole(request: tuple[Pieces, list[float], list[Event]], trim: bool) -> None:
    utterances, pauses, events = request
    segments = [Segment(join_pieces(pieces, RATE), pause) for pieces, pause in zip(utterances, pauses, strict=True)]
    assembler = Assembler(pauses, RATE, trim=trim)
    live = np.concatenate([assembler.feed(event) for event in events])
    assert live.dtype == np.float32
    assert np.array_equal(live, assemble(segments, RATE, trim=trim).samples)


def tone(seconds: float, level: float = 0.5) -> Samples:
    return (level * np.sin(2 * np.pi * 200 * np.arange(round(seconds * RATE)) / RATE)).astype(np.float32)


def silence(seconds: float) -> Samples:
    return np.zeros(round(seconds * RATE), np.float32)


def fed(trim: bool, *parts: Samples) -> Assembler:
    assembler = Assembler([0.0], RATE, trim=trim)
    for part in parts:
        assembler.feed(Audio(0, 0, part))
    return assembler


def test_only_the_fades_are_held_back() -> None:
    assert len(fed(False).feed(Audio(0, 0, tone(0.3)))) == 7200 - 2 * FADE


def test_speech_goes_out_once_its_onset_is_over() -> None:
    lead = silence(0.2)
    assert not fed(True, lead).feed(Audio(0, 0, tone(0.09))).size
    assert len(fed(True, lead, tone(0.09)).feed(Audio(0, 0, tone(0.1)))) > 0.15 * RATE


def test_a_pause_within_an_utterance_waits_for_what_follows_it() -> None:
    assembler = fed(True, tone(0.5))
    assert len(assembler.feed(Audio(0, 0, silence(1.0)))) <= MARGIN + 2 * FADE
    assert len(assembler.feed(Audio(0, 0, tone(0.1)))) > RATE


def test_an_utterance_waits_for_its_turn() -> None:
    assembler = Assembler([0.25, 0.0], RATE, trim=False)
    second: Sequence[Event] = (Audio(1, 0, tone(0.2)), PieceDone(1, 0, 4, StopReason.STOP_CODE))
    assert not any(assembler.feed(event).size for event in second)
    assembler.feed(Audio(0, 0, tone(0.1)))
    rest = assembler.feed(PieceDone(0, 0, 2, StopReason.STOP_CODE))
    assert len(rest) == 2 * FADE + 6000 + 4800


def test_a_murmur_before_a_voice_is_measured_by_its_onset() -> None:
    """38 dB under the vowel that follows it is silence; what gets louder much later does not change that."""
    murmur, vowel, shout = tone(0.1, 1e-3), tone(0.3, 0.2), tone(0.3, 0.9)
    assert len(trim_silence(np.concatenate([murmur, vowel]), RATE)) == len(vowel) + MARGIN
    soft = tone(0.1, 4e-3)  # 34 dB under the vowel, 47 under the shout
    assert len(trim_silence(np.concatenate([soft, vowel, shout]), RATE)) == len(soft) + len(vowel) + len(shout)


@given(sound=sounds())
@settings(max_examples=100, deadline=None)
def test_nothing_is_given_back_before_it_is_certain(sound: Samples) -> None:
    """A frame at a time: each part is the next of the whole's, whatever comes later."""
    trim, given_back = Trim(RATE), np.zeros(0, np.float32)
    for at in range(0, len(sound), FRAME):
        given_back = np.concatenate((given_back, trim.feed(sound[at : at + FRAME])))
        so_far = trim_silence(sound[: at + FRAME], RATE)
        assert len(given_back) <= len(so_far)
    assert np.array_equal(np.concatenate((given_back, trim.end())), trim_silence(sound, RATE))
