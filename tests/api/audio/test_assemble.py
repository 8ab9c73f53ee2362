"""Trimming, declicking and joining: rules that hold for any signal, checked on many."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from api.audio.assemble import Segment, assemble, segments_header
from api.audio.edges import declick, trim_silence

RATE = 24000
FADE = 120  # samples, 5 ms
MARGIN = 480  # samples, 20 ms
FRAME = 240  # samples, 10 ms

Samples = NDArray[np.float32]

KINDS = ["positive", "negative", "square", "noise", "silence"]


def signal(kind: str, length: int, seed: int = 0) -> Samples:
    """As harsh as samples get: full scale up to both ends."""
    random = np.random.default_rng(seed)
    return {
        "positive": np.ones(length),
        "negative": -np.ones(length),
        "square": np.where(np.arange(length) // 37 % 2, 1.0, -1.0),
        "noise": random.uniform(-1, 1, length),
        "silence": np.zeros(length),
    }[kind].astype(np.float32)


def tone(seconds: float, level: float = 0.5) -> Samples:
    return (level * np.sin(2 * np.pi * 200 * np.arange(round(seconds * RATE)) / RATE)).astype(np.float32)


def noise(seconds: float, level: float, seed: int = 1) -> Samples:
    return (level * np.random.default_rng(seed).standard_normal(round(seconds * RATE))).astype(np.float32)


segments = st.lists(
    st.builds(
        Segment,
        st.builds(signal, st.sampled_from(KINDS), st.integers(0, 2000), st.integers(0, 9)),
        st.one_of(st.just(0.0), st.floats(0, 0.05)),
    ),
    min_size=1,
    max_size=8,
)


@given(parts=segments, trim=st.booleans())
@settings(max_examples=60, deadline=None)
def test_the_whole_is_its_parts_in_order_and_nothing_else(parts: list[Segment], trim: bool) -> None:
    whole = assemble(parts, RATE, trim=trim)
    assert whole.samples.dtype == np.float32
    position = 0
    for part, (start, end) in zip(parts, whole.spans, strict=True):
        alone = assemble([Segment(part.samples)], RATE, trim=trim).samples
        pause = round(part.pause_after * RATE)
        assert (round(start * RATE), round(end * RATE)) == (position, position + len(alone))
        assert np.array_equal(whole.samples[position : position + len(alone)], alone)
        position += len(alone)
        silence = whole.samples[position : position + pause]
        assert len(silence) == pause
        assert not silence.any()
        position += pause
    assert position == len(whole.samples)


@given(parts=segments, trim=st.booleans())
@settings(max_examples=60, deadline=None)
def test_no_join_clicks(parts: list[Segment], trim: bool) -> None:
    whole = assemble(parts, RATE, trim=trim)
    steps = np.abs(np.diff(whole.samples, prepend=0, append=0))  # the file starts from and ends in silence
    for start, end in whole.spans:
        for edge in {round(start * RATE), round(end * RATE)}:
            assert steps[edge] == 0
            assert steps[max(0, edge - 8) : edge + 9].max() <= 0.03


def test_a_constant_full_scale_signal_rises_and_falls_gently() -> None:
    whole = assemble([Segment(signal("positive", 5000)), Segment(signal("negative", 5000), 0.1)], RATE, trim=False)
    assert np.abs(np.diff(whole.samples)).max() < 0.03


def test_pauses_are_exact_to_the_sample() -> None:
    whole = assemble([Segment(tone(0.1), 0.5), Segment(tone(0.2), 0.7)], RATE, trim=False)
    assert len(whole.samples) == 2400 + 12000 + 4800 + 16800
    assert whole.spans == ((0.0, 0.1), (0.6, 0.8))
    assert not whole.samples[2400:14400].any()
    assert not whole.samples[-16800:].any()


def test_silence_is_trimmed_on_request_only() -> None:
    said = Segment(np.concatenate([np.zeros(5000), tone(0.1), np.zeros(5000)]).astype(np.float32))
    assert assemble([said], RATE, trim=False).spans == ((0.0, 12400 / RATE),)
    assert len(assemble([said], RATE, trim=True).samples) < 2400 + 2 * (MARGIN + FRAME)


def test_the_callers_samples_are_left_alone() -> None:
    samples = signal("positive", 1000)
    assemble([Segment(samples)], RATE, trim=True)
    assert (samples == 1).all()


@given(length=st.integers(0, 4 * FADE), kind=st.sampled_from(KINDS))
@settings(max_examples=60, deadline=None)
def test_declick_starts_and_ends_at_zero_and_leaves_the_middle(length: int, kind: str) -> None:
    samples = signal(kind, length)
    faded = declick(samples, RATE)
    assert len(faded) == length
    assert not faded[:1].any()
    assert not faded[-1:].any()
    assert np.array_equal(faded[FADE : length - FADE], samples[FADE : length - FADE])
    assert (np.abs(faded) <= np.abs(samples)).all()


def test_the_fade_is_a_raised_cosine_at_both_ends() -> None:
    faded = declick(signal("positive", 1000), RATE)
    assert faded[FADE // 2] == pytest.approx(0.5)
    assert faded[FADE // 4] == pytest.approx(0.5 - 0.5 * np.cos(np.pi / 4))
    assert np.array_equal(faded, faded[::-1])


@pytest.mark.parametrize("floor", [0.0, 1e-4, 1e-3])
@pytest.mark.parametrize("offset", [0.0, 0.01])
@pytest.mark.parametrize("level", [0.5, 0.9])
def test_trim_cuts_what_is_silent_around_the_speech(floor: float, offset: float, level: float) -> None:
    lead, trail, speech = 0.3, 0.45, tone(0.8, level)
    samples = np.concatenate([np.zeros(round(lead * RATE)), speech, np.zeros(round(trail * RATE))])
    samples = (samples + noise(len(samples) / RATE, floor) + offset).astype(np.float32)
    trimmed = trim_silence(samples, RATE)
    start = round(lead * RATE) - MARGIN
    assert np.array_equal(trimmed, samples[start : start + len(trimmed)])
    assert 0 <= len(trimmed) - len(speech) - 2 * MARGIN <= FRAME


@pytest.mark.parametrize("scale", [1.0, 0.12])
def test_trim_keeps_soft_consonants_and_inner_silence(scale: float) -> None:
    soft = 10 ** (-36 / 20)  # softer than any measured, relative to the loudest frame
    loudest = float(np.sqrt(np.mean(tone(0.1) ** 2)))
    speech = np.concatenate(
        [
            noise(0.05, soft * loudest),
            tone(0.3),
            np.zeros(12000),
            tone(0.3),
            noise(0.05, soft * loudest, seed=2),
        ]
    ).astype(np.float32)
    samples = np.concatenate([np.zeros(4800), scale * speech, np.zeros(4800)]).astype(np.float32)
    trimmed = trim_silence(samples, RATE)
    assert np.array_equal(trimmed, samples[4800 - MARGIN : 4800 + len(speech) + MARGIN])


@pytest.mark.parametrize("scale", [0.02, 0.1, 1.0])
def test_trim_does_not_depend_on_how_loud_the_voice_is(scale: float) -> None:
    samples = np.concatenate([noise(0.2, 5e-4), tone(0.5), noise(0.2, 5e-4, seed=2)])
    assert len(trim_silence(np.float32(scale) * samples, RATE)) == len(trim_silence(samples, RATE))


@pytest.mark.parametrize(
    "samples", [signal("silence", 9999), noise(0.5, 1e-4), signal("positive", 9999), signal("noise", 0)]
)
def test_nothing_audible_leaves_nothing(samples: Samples) -> None:
    assert len(trim_silence(samples, RATE)) == 0


def test_a_last_frame_that_is_not_full_counts() -> None:
    samples = np.concatenate([np.zeros(2400), noise(0.005, 0.5)]).astype(np.float32)
    assert len(trim_silence(samples, RATE)) == MARGIN + 120


@given(
    lead=st.integers(0, 4000),
    length=st.integers(1, 4000),
    trail=st.integers(0, 4000),
    seed=st.integers(0, 99),
)
@settings(max_examples=60, deadline=None)
def test_trim_never_cuts_into_what_is_loud(lead: int, length: int, trail: int, seed: int) -> None:
    loud = signal("square", length + 40, seed)
    samples = np.concatenate([np.zeros(lead), loud, np.zeros(trail)]).astype(np.float32)
    trimmed = trim_silence(samples, RATE)
    assert np.count_nonzero(trimmed) == len(loud)
    assert len(trimmed) <= len(loud) + 2 * (MARGIN + FRAME)


def test_what_is_not_a_number_is_not_trimmed_away() -> None:
    samples = np.concatenate([np.zeros(5000), tone(0.1), np.zeros(5000)]).astype(np.float32)
    samples[100] = np.nan
    assert np.isnan(trim_silence(samples, RATE)).any()


def test_the_header_is_compact_and_short_enough_for_any_proxy() -> None:
    assert segments_header(((0.0, 1.23412), (1.73456, 60.0))) == "[[0.0,1.234],[1.735,60.0]]"
    spans = tuple((30.0123 * i, 30.0123 * i + 28.1117) for i in range(200))
    header = segments_header(spans)
    assert len(header) < 4200
    assert np.allclose(json.loads(header), spans, atol=0.0005)
    assert header.isascii()
