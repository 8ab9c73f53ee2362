"""Speech out of what is told of it: pulses and noise through the filter that the envelope describes.

The vocoder learns to imitate it. Where a convolution's input stays the same, its output repeats with each frame, so
one or two pulses come with each: F0 is 94 or 188 Hz, whichever is nearer to the speaker's.
"""

from functools import cache

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from training.features import CEPSTRA, FRAMES_PER_CODE, log_mel_of

OUTPUT_RATE, HOP = 24000, 256  # Hz, samples a frame
FRAME_RATE = OUTPUT_RATE / HOP
MOST_PULSES = 2  # of a frame
_SIZE, _LENGTH = 1024, 512  # of the transform and of a response, samples
_HIGHEST = 8000.0  # Hz: the mel bands end here
_VOICED_LEVEL, _NOISE_LEVEL = 1.3, 1.1  # the mean of logarithms is less than the logarithm of the mean
_PSD = 2048 / 22050 * 384  # of a mel band, for white noise of variance 1


def pulses_per_frame(f0: Tensor) -> Tensor:
    """1 to MOST_PULSES for F0 in Hz, by its logarithm."""
    levels = torch.log(FRAME_RATE * torch.arange(1, MOST_PULSES + 1))
    return (torch.log(f0)[..., None] - levels).abs().argmin(-1) + 1


def speech(told: Tensor, pulses: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
    """(rows, frames, CEPSTRA + 1): envelope and voicing at the vocoder's frames; (rows,) pulses of a frame;
    (rows, 256 x frames + 256) white noise. Returns what is voiced and what is not, (rows, 256 x frames) each."""
    rows, frames, _ = told.shape
    power = log_mel_of(told[..., :CEPSTRA]) @ _bands_to_bins() - _fall()
    voiced = told[..., CEPSTRA].clamp(0, 1)
    responses = _minimum_phase(power) / _PSD**0.5
    places = (torch.arange(MOST_PULSES) + 0.5) / pulses[:, None]  # of a frame; beyond 1: none
    amplitudes = torch.where(places < 1, (HOP / pulses[:, None]) ** 0.5, 0.0) * _VOICED_LEVEL
    starts = (torch.arange(frames) * HOP)[None, :, None] + (places * HOP).long()[:, None]
    made = torch.zeros(rows, frames * HOP + _LENGTH + MOST_PULSES * HOP)
    for pulse in range(MOST_PULSES):
        scaled = responses * (voiced * amplitudes[:, pulse, None])[..., None]
        where = starts[:, :, pulse, None] + torch.arange(_LENGTH)
        made.scatter_add_(1, where.flatten(1), scaled.flatten(1))
    pieces = noise.unfold(1, 2 * HOP, HOP) * torch.hann_window(2 * HOP)
    filtered = torch.fft.irfft(torch.fft.rfft(pieces, _SIZE) * torch.fft.rfft(responses, _SIZE))
    filtered = filtered * ((1 - voiced).sqrt() * _NOISE_LEVEL)[..., None]
    hissed = F.fold(
        filtered.transpose(1, 2), (1, (frames - 1) * HOP + _SIZE), kernel_size=(1, _SIZE), stride=(1, HOP)
    ).flatten(1)
    return made[:, : frames * HOP], hissed[:, : frames * HOP]


def at_frames(told: Tensor) -> Tensor:
    """(rows, codes, TARGETS) to (rows, frames of 256 samples at 22050 Hz, CEPSTRA + 1)."""
    rows = len(told)
    count = FRAMES_PER_CODE * CEPSTRA
    envelope = told[..., :count].reshape(rows, -1, CEPSTRA)
    voiced = told[..., count + FRAMES_PER_CODE : count + 2 * FRAMES_PER_CODE].reshape(rows, -1, 1)
    return torch.cat([envelope, voiced], 2)


def _minimum_phase(power: Tensor) -> Tensor:
    """(..., _SIZE / 2 + 1) logarithms of power to (..., _LENGTH) responses."""
    lags = torch.fft.irfft(power / 2)
    folded = torch.cat([lags[..., :1], 2 * lags[..., 1 : _SIZE // 2], lags[..., _SIZE // 2 : _SIZE // 2 + 1]], -1)
    return torch.fft.irfft(torch.exp(torch.fft.rfft(folded, _SIZE)))[..., :_LENGTH]


@cache
def _frequencies() -> Tensor:
    return torch.arange(_SIZE // 2 + 1) * OUTPUT_RATE / _SIZE


@cache
def _bands_to_bins() -> Tensor:
    """(80, bins): linear between the centres of the mel bands, which torchaudio spaces by HTK's formula."""
    mels = np.linspace(0, 2595 * np.log10(1 + _HIGHEST / 700), 82)[1:-1]
    centres = 700 * (10 ** (mels / 2595) - 1)
    rows = [np.interp(_frequencies().numpy(), centres, one) for one in np.eye(80)]
    return torch.from_numpy(np.stack(rows)).float()


@cache
def _fall() -> Tensor:
    """Nothing is known beyond the highest band: it gets softer."""
    return ((_frequencies() - _HIGHEST) / 250).clamp(0, 12)
