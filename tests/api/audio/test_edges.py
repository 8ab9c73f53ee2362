"""Trimming and fading: rules that hold for any signal, whole or in parts, checked on many."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.audio.edges import Fade, Trim
from tests.api.audio.signals import KINDS, RATE, Samples, noise, signal, sounds, tone

FADE = 120  # samples, 5 ms
MARGIN = 480  # samples, 20 ms
FRAME = 240  # samples, 10 ms


def trim_silence(samples: Samples, rate: int) -> Samples:
    trim = Trim(rate)
    return np.concatenate((trim.feed(samples), trim.end()))


def declick(samples: Samples, rate: int) -> Samples:
    fade = Fade(rate)
    return np.concatenate((fade.feed(samples), fade.end()))


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


def test_a_murmur_before_a_voice_is_measured_by_its_onset() -> None:
    """38 dB under the vowel that follows it is silence; what gets louder much later does not change that."""
    murmur, vowel, shout = tone(0.1, 1e-3), tone(0.3, 0.2), tone(0.3, 0.9)
    assert len(trim_silence(np.concatenate([murmur, vowel]), RATE)) == len(vowel) + MARGIN
    soft = tone(0.1, 4e-3)  # 34 dB under the vowel, 47 under the shout
    assert len(trim_silence(np.concatenate([soft, vowel, shout]), RATE)) == len(soft) + len(vowel) + len(shout)


@given(sound=sounds())
@settings(max_examples=100, deadline=None)
def test_nothing_is_returned_before_it_is_certain(sound: Samples) -> None:
    """A frame at a time: each part is the next of the whole's, whatever comes later."""
    trim, returned = Trim(RATE), np.zeros(0, np.float32)
    for at in range(0, len(sound), FRAME):
        returned = np.concatenate((returned, trim.feed(sound[at : at + FRAME])))
        so_far = trim_silence(sound[: at + FRAME], RATE)
        assert len(returned) <= len(so_far)
    assert np.array_equal(np.concatenate((returned, trim.end())), trim_silence(sound, RATE))
