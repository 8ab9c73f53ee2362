"""What is fit to clone a voice from is taken, and what is not is told why, with the number that was measured."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from api.voices.clip_judge import Verdict, judge, measure
from runners.conditioning.clip import Clip
from tests.api.recordings import RATE, Samples, file_of, noise, silence, speech

ROOT = Path(__file__).parents[3]
CLIPS = sorted((ROOT / "references" / "default").glob("*.flac"))


def judged(samples: Samples, rate: int = RATE) -> Verdict:
    return judge(file_of(samples, rate))


@pytest.mark.parametrize("clip", CLIPS, ids=lambda clip: clip.stem)
def test_real_recordings_are_fit(clip: Path) -> None:
    verdict = judge(clip.read_bytes())
    assert verdict.faults == verdict.warnings == ()
    facts = verdict.facts
    assert facts is not None
    assert (facts.seconds, facts.sample_rate) == (8.0, 22_050)
    assert 6 < facts.speech_seconds < 8
    assert facts.snr_db > 35
    assert facts.clipped < 0.0005


@pytest.mark.parametrize("clip", CLIPS, ids=lambda clip: clip.stem)
@pytest.mark.parametrize(("decibels", "fit", "warned"), [(40, True, False), (15, True, True), (3, False, False)])
def test_real_recordings_with_noise(clip: Path, decibels: float, fit: bool, warned: bool) -> None:
    samples, rate = soundfile.read(clip, dtype="float32")
    power = (samples[np.abs(samples) > 0.01] ** 2).mean()
    verdict = judged(samples + noise(8, np.sqrt(power / 10 ** (decibels / 10)), rate), rate)
    assert [fault for fault in verdict.faults if "above the noise" not in fault] == []
    assert (not verdict.faults) == fit
    assert any("above the noise" in warning for warning in verdict.warnings) == warned


@pytest.mark.parametrize("clip", CLIPS, ids=lambda clip: clip.stem)
@pytest.mark.parametrize(("container", "encoding"), [("FLAC", "PCM_16"), ("MP3", "MPEG_LAYER_III")])
@pytest.mark.parametrize(("gain", "fit", "warned"), [(1.0, True, False), (1.8, True, True), (4.0, False, False)])
def test_real_recordings_that_were_too_loud(
    clip: Path, container: str, encoding: str, gain: float, fit: bool, warned: bool
) -> None:
    """A codec rounds the flat tops and overshoots: they are found all the same."""
    samples, rate = soundfile.read(clip, dtype="float32")
    loud = np.clip(samples / np.abs(samples).max() * gain, -1, 1)
    verdict = judge(file_of(loud, rate, container, encoding))
    assert (not verdict.faults) == fit, verdict
    assert any("clipped" in said for said in verdict.faults) == (not fit)
    assert any("clipped" in said for said in verdict.warnings) == warned


@given(
    seconds=st.floats(7, 29),
    level=st.floats(0.02, 0.2),
    ends=st.tuples(st.floats(0, 10), st.floats(0, 10)),
    rate=st.sampled_from([22_050, 24_000, 44_100, 48_000]),
    seed=st.integers(0, 9),
)
@settings(max_examples=40, deadline=None)
def test_clean_speech_is_fit_whatever_surrounds_it(
    seconds: float, level: float, ends: tuple[float, float], rate: int, seed: int
) -> None:
    samples = np.concatenate([silence(ends[0], rate), speech(seconds, rate, level, seed), silence(ends[1], rate)])
    verdict = judged(samples, rate)
    assert verdict.faults == verdict.warnings == ()
    assert verdict.facts is not None
    assert verdict.facts.speech_seconds == pytest.approx(seconds, abs=0.35)
    assert verdict.facts.seconds == pytest.approx(seconds + sum(ends), abs=0.02)


@given(seconds=st.one_of(st.floats(0.5, 2.5), st.floats(61, 70)), ends=st.floats(0, 20))
@settings(max_examples=20, deadline=None)
def test_too_little_and_too_much_speech_is_refused(seconds: float, ends: float) -> None:
    verdict = judged(np.concatenate([silence(ends), speech(seconds), silence(ends)]))
    (fault,) = verdict.faults
    assert "3 to 60 s are needed" in fault
    assert verdict.facts is not None
    assert f"there are {verdict.facts.speech_seconds:g} s of speech" in fault


@pytest.mark.parametrize(
    ("seconds", "warning"),
    [(4, "s of speech are little"), (10, None), (45, "the model uses the first 30 s")],
)
def test_little_and_much_speech_is_warned_of(seconds: float, warning: str | None) -> None:
    verdict = judged(speech(seconds))
    assert verdict.faults == ()
    assert len(verdict.warnings) == (warning is not None)
    assert all(warning in said for said in verdict.warnings if warning)


def test_a_long_pause_is_no_speech() -> None:
    facts = measure(Clip(np.concatenate([speech(2), silence(0.4), speech(2), silence(20), speech(2)]), RATE))
    assert facts.speech_seconds == pytest.approx(6.4, abs=0.5)


def test_neither_is_the_noise_of_an_empty_room() -> None:
    samples = np.concatenate([silence(10), speech(8), silence(10)]) + noise(28, 0.002)
    facts = measure(Clip(samples, RATE))
    assert 25 < facts.snr_db < 40
    assert facts.speech_seconds == pytest.approx(8, abs=0.4)


@given(level=st.floats(0.01, 0.3), seconds=st.floats(4, 20), seed=st.integers(0, 9))
@settings(max_examples=20, deadline=None)
def test_steady_noise_is_no_speech(level: float, seconds: float, seed: int) -> None:
    verdict = judged(noise(seconds, level, seed=seed))
    assert any("above the noise, at least 15" in fault for fault in verdict.faults)


@pytest.mark.parametrize("pitch", [50, 440, 3000])
def test_neither_is_a_tone(pitch: int) -> None:
    tone = 0.3 * np.sin(2 * np.pi * pitch * np.arange(8 * RATE) / RATE)
    assert any("above the noise" in fault for fault in judged(tone.astype(np.float32)).faults)


@given(st.floats(0, 60))
@settings(max_examples=30, deadline=None)
def test_less_noise_is_never_judged_worse(decibels: float) -> None:
    spoken, hiss = speech(8), noise(8, 0.1)
    noisier, cleaner = (
        measure(Clip(spoken + hiss * np.float32(10 ** (-each / 20)), RATE)).snr_db for each in (decibels, decibels + 3)
    )
    assert cleaner > noisier


@given(st.floats(-6, 20))
@settings(max_examples=30, deadline=None)
def test_more_gain_never_clips_less(gain: float) -> None:
    spoken = speech(8, level=0.2)
    softer, louder = (
        measure(Clip(np.clip(spoken * np.float32(10 ** (each / 20)), -1, 1), RATE)).clipped for each in (gain, gain + 3)
    )
    assert louder >= softer - 1e-4


def test_several_faults_are_told_together() -> None:
    verdict = judged(np.clip(speech(1.5, level=2.0), -1, 1))
    assert len(verdict.faults) == 2
    assert "s of speech" in verdict.faults[0]
    assert "clipped" in verdict.faults[1]


@pytest.mark.parametrize(
    ("raw", "fault"),
    [
        (b"", "damaged, or no audio"),
        (b"RIFF, but not really" * 100, "damaged, or no audio"),
        (file_of(silence(8)), "silent"),
        (file_of(speech(8) * np.float32(1e-4)), "silent"),
        (file_of(speech(8) * np.float32(np.nan)), "not numbers"),
        (file_of(speech(0.2)), "0.20 s long"),
        (file_of(speech(8, 4_000), 4_000), "sample rate is 4000 Hz; use one from 8000 to 192000 Hz"),
        (file_of(speech(8, 384_000), 384_000), "sample rate is 384000 Hz"),
        (file_of(speech(125, 8_000), 8_000), "longer than 120 s"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_cannot_be_read_at_all(raw: bytes, fault: str) -> None:
    verdict = judge(raw)
    assert verdict.facts is None
    (said,) = verdict.faults
    assert fault in said


def test_the_merely_poor_is_taken_with_a_warning() -> None:
    telephone = judged(speech(8, 8_000), 8_000)
    assert telephone.faults == ()
    assert telephone.warnings == ("the sample rate is 8000 Hz; below 22050 Hz a voice is muffled.",)
    (quiet,) = judged(speech(8, level=0.005)).warnings
    assert "speech is quiet: -4" in quiet


@pytest.mark.parametrize(("silent", "taken"), [("right", "left"), ("left", "right")])
def test_of_stereo_with_one_silent_channel_the_other_one_is_judged(silent: str, taken: str) -> None:
    stereo = np.stack([speech(8), silence(8)][:: 1 if silent == "right" else -1], axis=1)
    verdict, alone = judged(stereo), judged(speech(8))
    assert verdict.facts == alone.facts  # averaged it would be 6 dB quieter
    assert verdict.faults == alone.faults == alone.warnings == ()
    assert verdict.warnings == (f"the {silent} channel is silent; only the {taken} one is used.",)


def test_clips_are_judged_without_torch() -> None:
    script = "import sys, api.voices.clip_judge; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=False).returncode == 0
