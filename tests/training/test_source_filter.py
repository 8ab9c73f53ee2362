"""What the vocoder learns to imitate: it has the envelope that it is given, and F0 by the frames' rate."""

import pytest
import torch
import torchaudio

from training.examples import OUTPUT_RATE
from training.features import CEPSTRA, RATE, cepstra, log_mel, median_pitch, pitch, targets
from training.source_filter import HOP, at_frames, is_high, pulsed

FRAMES = 80


def envelope() -> torch.Tensor:
    """(CEPSTRA,): two formants on a slope."""
    bands = torch.arange(80.0)
    mel = -2 - bands / 20 + 3 * torch.exp(-((bands - 12) ** 2) / 30) + 2 * torch.exp(-((bands - 45) ** 2) / 60)
    return cepstra(mel[None])[0]


def told(voiced: float, rows: int = 1) -> torch.Tensor:
    return torch.cat([envelope(), torch.tensor([voiced])]).expand(rows, FRAMES, -1)


def test_high_is_nearer_to_two_pulses_a_frame() -> None:
    assert [is_high(torch.tensor(hz)) for hz in (60.0, 94.0, 130.0, 135.0, 190.0, 500.0)] == [False] * 3 + [True] * 3


def test_it_has_the_pitch_of_its_pulses_and_repeats_with_each_frame() -> None:
    middle = pulsed(told(1.0))[0, 10 * HOP :]
    torch.testing.assert_close(middle[HOP:], middle[:-HOP], atol=1e-5, rtol=1e-4)
    f0 = pitch(torchaudio.functional.resample(middle, OUTPUT_RATE, RATE))[5:-10]
    assert f0.median() == pytest.approx(187.5, rel=0.01)


def test_it_has_the_envelope_that_it_was_told() -> None:
    made = torchaudio.functional.resample(pulsed(told(1.0))[0, 10 * HOP :], OUTPUT_RATE, RATE)
    heard = cepstra(log_mel(made))[5:-10].mean(0)
    wanted = envelope()
    inner = slice(3, 13)  # the first ones tell of the bands between the lowest harmonics, which are empty
    assert (heard[inner] - wanted[inner]).norm() < 0.25 * wanted[inner].norm()


def test_what_has_no_voice_is_silent_and_rows_are_apart() -> None:
    rows = torch.cat([told(0.0), told(0.7)])
    both = pulsed(rows)
    assert not both[0].any()
    torch.testing.assert_close(both[1], pulsed(told(0.7))[0])


def test_frames_and_median_pitch_of_what_is_told_of_codes() -> None:
    time = torch.arange(20 * 1024) / RATE
    wave = 0.1 * torch.stack([torch.sin(2 * torch.pi * 150 * k * time) / k for k in range(1, 9)]).sum(0)
    mel = log_mel(wave)
    rows = targets(mel, pitch(wave).numpy())
    frames = at_frames(rows[None])
    assert frames.shape == (1, len(mel), CEPSTRA + 1)
    torch.testing.assert_close(frames[0, :, :CEPSTRA], cepstra(mel))
    assert frames[0, 5:-5, CEPSTRA].min() == 1
    assert float(median_pitch([rows])) == pytest.approx(150, rel=0.01)
