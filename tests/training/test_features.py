import numpy as np
import pytest
import torch
from TTS.tts.models.xtts import wav_to_mel_cloning

from runners.demo.layout import MEL_SCALE
from training.features import FLOOR, HOP, RATE, beat, cepstra, log_mel, pitch, smooth_log_pitch, targets


def pulses(hertz: float, seconds: float = 0.5) -> torch.Tensor:
    """A voice without a mouth: the first ten harmonics."""
    time = torch.arange(int(seconds * RATE)) / RATE
    return 0.05 * torch.stack([torch.sin(2 * torch.pi * hertz * k * time) / k for k in range(1, 11)]).sum(0)


@pytest.mark.parametrize("hertz", [75.0, 110.0, 220.0, 410.0])
def test_the_pitch_of_a_harmonic_tone_is_found_to_a_hundredth(hertz: float) -> None:
    found = pitch(pulses(hertz))[8:-8]
    assert (found > 0).all()
    assert (found / hertz - 1).abs().max() < 0.01


def test_silence_and_noise_have_no_pitch() -> None:
    noise = torch.randn(RATE // 2, generator=torch.Generator().manual_seed(0)) * 0.1
    assert (pitch(torch.zeros(RATE // 2)) == 0).all()
    assert (pitch(noise) > 0).float().mean() < 0.1


def test_the_mel_is_the_one_that_upstream_conditions_on() -> None:
    samples = pulses(150)
    theirs = wav_to_mel_cloning(
        samples[None],
        mel_norms=torch.full((80,), MEL_SCALE),
        n_fft=2048,
        hop_length=HOP,
        win_length=1024,
        sample_rate=RATE,
    )
    ours = log_mel(samples) / MEL_SCALE
    torch.testing.assert_close(ours, theirs[0].T[: len(ours)])


def test_the_envelope_is_blind_to_what_is_below_the_floor() -> None:
    mel = torch.full((4, 80), FLOOR - 3)
    torch.testing.assert_close(cepstra(mel), cepstra(torch.full((4, 80), FLOOR)))


def test_pitch_is_filled_in_between_voiced_frames() -> None:
    filled = np.exp(smooth_log_pitch(np.array([0, 100, 0, 400, 0], np.float32)))
    np.testing.assert_allclose(filled, [100, 100, 200, 400, 400], rtol=1e-5)


def test_a_code_is_told_of_by_its_four_frames_and_by_the_beat() -> None:
    mel = log_mel(pulses(150))
    rows = targets(mel, pitch(pulses(150)).numpy())
    assert len(rows) == len(mel) // 4
    torch.testing.assert_close(rows[:, -2:], beat(len(rows)))
    torch.testing.assert_close(rows[2, :24], cepstra(mel[8:9])[0])
