"""Rate and loudness: measured anew by ffmpeg, the same however the signal was cut, and sparing what needs no change."""

import io
import re
import subprocess
from itertools import pairwise

import imageio_ffmpeg
import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from api.audio.encoders import Stream
from api.audio.mastering import CEILING, Limiter, Master, loudness_of, true_peaks
from api.audio.recording import AudioSpec, Recording
from runners.types import Audio, Event, PieceDone, StopReason
from tests.api.audio.signals import Samples, noise, tone
from tests.api.recordings import silence, speech

RATE = 24_000
RATES = [8000, 16_000, 22_050, 44_100, 48_000]


def mastered(master: Master | Limiter, blocks: list[Samples]) -> Samples:
    return np.concatenate([*(master.feed(block) for block in blocks), *master.end()])


def heard(samples: Samples, rate: int = RATE) -> tuple[float, float]:
    """LUFS and dBTP, by ffmpeg."""
    raw = ["-f", "f32le", "-ar", str(rate), "-ac", "1", "-i", "-"]
    command = [imageio_ffmpeg.get_ffmpeg_exe(), *raw, "-af", "ebur128=peak=true", "-f", "null", "-"]
    told = subprocess.run(command, input=samples.astype("<f4").tobytes(), capture_output=True, check=True).stderr
    summary = told.decode().rpartition("Summary:")[2]
    return tuple(float(re.search(rf"{name}: +(\S+)", summary)[1]) for name in ("I", "Peak"))  # type: ignore[index,return-value]


@pytest.mark.parametrize("rate", RATES)
@given(cuts=st.lists(st.integers(0, 30_000), max_size=5))
@settings(max_examples=5)
def test_a_rate_keeps_length_and_sound_however_the_signal_was_cut(rate: int, cuts: list[int]) -> None:
    sound = tone(30_000 / RATE)
    got = mastered(Master(RATE, rate, None, None), np.split(sound, sorted(cuts)))
    assert len(got) == round(30_000 * rate / RATE)
    time = np.arange(len(got)) / rate
    inside = slice(rate // 10, -rate // 10)
    assert np.abs(got - 0.5 * np.sin(2 * np.pi * 200 * time))[inside].max() < 1e-4
    assert np.array_equal(got, mastered(Master(RATE, rate, None, None), [sound]))


def test_without_a_wish_nothing_changes() -> None:
    sound = noise(0.5, 2.0)
    assert np.array_equal(mastered(Master(RATE, RATE, None, None), [sound]), sound)


@pytest.mark.parametrize("level", [0.005, 0.1, 0.8])
@pytest.mark.parametrize("loudness", [-30.0, -16.0])
def test_the_loudness_is_what_was_asked_for_and_no_peak_is_over_the_ceiling(level: float, loudness: float) -> None:
    sound = np.concatenate([speech(3.0, level=level), silence(1.0), speech(3.0, level=level / 2)])
    got = mastered(Master(RATE, RATE, loudness, None), np.split(sound, [100, 50_000]))
    lufs, peak = heard(got)
    assert len(got) == len(sound)
    assert lufs == pytest.approx(loudness, abs=0.7)
    assert peak <= -0.8


def test_it_is_one_gain_where_no_peak_is_in_the_way() -> None:
    sound = np.concatenate([speech(3.0, level=0.1), speech(3.0, level=0.01)])
    got = mastered(Master(RATE, RATE, -30.0, None), [sound])
    loud = np.abs(sound) > 1e-3
    ratio = got[loud] / sound[loud]
    assert ratio.max() / ratio.min() < 1.0001


def test_what_has_no_loudness_stays_as_it_is() -> None:
    for sound in (silence(1.0), tone(0.2)):
        assert loudness_of([sound], RATE, RATE) is None
        assert np.array_equal(mastered(Master(RATE, RATE, -16.0, None), [sound]), sound)


@given(cuts=st.lists(st.integers(0, 20_000), max_size=6), level=st.sampled_from([0.1, 1.0, 3.0]))
@settings(max_examples=15)
def test_the_limiter_does_not_depend_on_the_cuts(cuts: list[int], level: float) -> None:
    sound = noise(20_000 / RATE, level)
    got = mastered(Limiter(RATE), np.split(sound, sorted(cuts)))
    assert np.abs(got - mastered(Limiter(RATE), [sound])).max() < 1e-6
    assert true_peaks(got).max() <= CEILING * 1.05


def test_the_limiter_turns_down_a_peak_and_nothing_far_from_it() -> None:
    sound = tone(1.0, 0.5)
    sound[12_000] = 4.0
    got = mastered(Limiter(RATE), [sound])
    assert np.abs(got).max() <= CEILING
    far = np.abs(np.arange(len(sound)) - 12_000) > 400
    assert np.array_equal(got[far], sound[far])
    near = got[11_700:12_000] / sound[11_700:12_000]
    assert all(later <= before + 1e-6 for before, later in pairwise(near[np.isfinite(near)]))


def events(sound: Samples) -> list[Event]:
    return [*(Audio(0, 0, part) for part in np.array_split(sound, 7)), PieceDone(0, 0, 1, StopReason.STOP_CODE)]


@pytest.mark.parametrize("rate", [8000, 44_100])
def test_a_stream_whose_loudness_is_known_is_the_whole_file_and_comes_as_it_is_made(rate: int) -> None:
    sound = speech(4.0)
    measured = loudness_of([sound], RATE, rate)
    assert measured is not None
    chunks: list[bytes] = []
    spec = AudioSpec("pcm", RATE, [0.0], False, rate, -16.0, measured)
    with Recording(spec, Stream(chunks.append)) as recording:
        for event in events(sound)[:-1]:
            recording.feed(event)
        assert len(b"".join(chunks)) > 2 * rate * 3.5
        recording.feed(events(sound)[-1])
        recording.end()
    file = io.BytesIO()
    with Recording(AudioSpec("wav", RATE, [0.0], False, rate, -16.0), file) as recording:
        for event in events(sound):
            recording.feed(event)
        recording.end()
    whole, got_rate = soundfile.read(io.BytesIO(file.getvalue()), dtype="int16")
    streamed = np.frombuffer(b"".join(chunks), "<i2")
    assert (got_rate, len(whole), len(streamed)) == (rate, 4 * rate, 4 * rate)
    assert np.corrcoef(whole, streamed)[0, 1] > 0.999
    assert heard(streamed / np.float32(32767), rate)[0] == pytest.approx(-16, abs=0.7)
