"""A voice out of what is told of it: pulses through the filter that the envelope describes.

Where a convolution's input stays the same, its output repeats with each frame: by itself the vocoder speaks at 94 Hz.
For high voices it learns to imitate this one, whose pulses come two to a frame, at 188 Hz.
"""

from functools import cache

import numpy as np
import torch
from torch import Tensor

from training.examples import OUTPUT_RATE
from training.features import CEPSTRA, FRAMES_PER_CODE, log_mel_of

HOP = 256  # samples a frame
FRAME_RATE, PULSES = OUTPUT_RATE / HOP, 2
_SIZE, _LENGTH = 1024, 512  # of the transform and of a response, samples
_HIGHEST = 8000.0  # Hz: the mel bands end here
_LEVEL = 1.3  # the mean of logarithms is less than the logarithm of the mean
_PSD = 2048 / 22050 * 384  # of a mel band, for white noise of variance 1


def is_high(f0: Tensor) -> bool:
    """Whether F0 in Hz is nearer to two pulses a frame than to one, by its logarithm."""
    return bool(f0 > FRAME_RATE * PULSES**0.5)


def pulsed(told: Tensor) -> Tensor:
    """(rows, frames, CEPSTRA + 1), envelope and voicing at the vocoder's frames, to (rows, 256 x frames)."""
    rows, frames, _ = told.shape
    power = log_mel_of(told[..., :CEPSTRA]) @ _bands_to_bins() - _fall()
    loudness = told[..., CEPSTRA:].clamp(0, 1) * _LEVEL * (HOP / PULSES / _PSD) ** 0.5
    responses = _minimum_phase(power) * loudness
    made = torch.zeros(rows, frames * HOP + _LENGTH)
    for pulse in range(PULSES):
        starts = torch.arange(frames) * HOP + int((pulse + 0.5) * HOP / PULSES)
        where = (starts[:, None] + torch.arange(_LENGTH)).flatten().expand(rows, -1)
        made.scatter_add_(1, where, responses.flatten(1))
    return made[:, : frames * HOP]


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
