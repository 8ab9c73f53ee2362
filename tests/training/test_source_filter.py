"""What the vocoder learns to imitate: it has the envelope that it is given, and F0 by the frames' rate."""

import pytest
import torch
import torchaudio

from training.features import CEPSTRA, RATE, cepstra, log_mel, median_pitch, pitch, targets
from training.source_filter import FRAME_RATE, HOP, OUTPUT_RATE, at_frames, pulses_per_frame, speech

FRAMES = 80


def envelope() -> torch.Tensor:
    """(CEPSTRA,): two formants on a slope."""
    bands = torch.arange(80.0)
    mel = -2 - bands / 20 + 3 * torch.exp(-((bands - 12) ** 2) / 30) + 2 * torch.exp(-((bands - 45) ** 2) / 60)
    return cepstra(mel[None])[0]


def told(voiced: float, rows: int = 1) -> torch.Tensor:
    return torch.cat([envelope(), torch.tensor([voiced])]).expand(rows, FRAMES, -1)


def noise(rows: int = 1) -> torch.Tensor:
    return torch.randn(rows, (FRAMES + 1) * HOP, generator=torch.Generator().manual_seed(1))


def test_pulses_are_those_of_the_nearest_multiple() -> None:
    assert pulses_per_frame(torch.tensor([60.0, 94, 130, 135, 190, 228, 240, 500])).tolist() == [1, 1, 1, 2, 2, 2, 3, 3]


@pytest.mark.parametrize("pulses", [1, 2, 3])
def test_a_voice_has_the_pitch_of_its_pulses_and_repeats_with_each_frame(pulses: int) -> None:
    voiced, unvoiced = speech(told(1.0), torch.tensor([pulses]), noise())
    assert not unvoiced.any()
    middle = voiced[0, 10 * HOP :]
    torch.testing.assert_close(middle[HOP:], middle[:-HOP], atol=1e-5, rtol=1e-4)
    f0 = pitch(torchaudio.functional.resample(middle, OUTPUT_RATE, RATE))[5:-10]
    assert f0.median() == pytest.approx(FRAME_RATE * pulses, rel=0.01)


@pytest.mark.parametrize("voiced", [0.0, 1.0])
def test_it_has_the_envelope_that_it_was_told(voiced: float) -> None:
    parts = speech(told(voiced), torch.tensor([1]), noise())
    made = torchaudio.functional.resample((parts[0] + parts[1])[0, 10 * HOP :], OUTPUT_RATE, RATE)
    heard = cepstra(log_mel(made))[5:-10].mean(0)
    wanted = envelope()
    assert (heard[1:13] - wanted[1:13]).norm() < 0.2 * wanted[1:13].norm()


def test_rows_are_apart() -> None:
    both = speech(told(0.7, rows=2), torch.tensor([1, 3]), noise(2))
    for row, pulses in enumerate((1, 3)):
        alone = speech(told(0.7), torch.tensor([pulses]), noise(2)[row, None])
        for one, other in zip(both, alone, strict=True):
            torch.testing.assert_close(one[row], other[0])


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
