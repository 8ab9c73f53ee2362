"""What is measured of speech, in frames of 256 samples at 22050 Hz; four frames are a code."""

from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from runners.xtts import conditioning_encoder

RATE = conditioning_encoder.RATE
HOP, FRAMES_PER_CODE = 256, 4
STRIDE = HOP * FRAMES_PER_CODE  # samples a code
CEPSTRA = 24
SILENT_MEL = -11.5  # logarithm of the least that upstream lets a band hold
FLOOR = -7.0  # of the log-mel, where codes are made
TARGETS = FRAMES_PER_CODE * (CEPSTRA + 2) + 2
_LOWEST, _HIGHEST = 55.0, 600.0  # Hz


def log_mel(samples: Tensor) -> Tensor:
    """(samples,) to (frames, 80), a frame for every whole 256 samples."""
    return conditioning_encoder.log_mel(samples)[:, : len(samples) // HOP].T


@cache
def _cosines() -> Tensor:
    """(80, CEPSTRA): the orthonormal DCT-II of the mel bands."""
    places = (torch.arange(80) + 0.5) / 80
    rows = torch.cos(torch.pi * places[:, None] * torch.arange(CEPSTRA)) * (2 / 80) ** 0.5
    rows[:, 0] /= 2**0.5
    return rows


def cepstra(mel: Tensor) -> Tensor:
    """(frames, 80) to (frames, CEPSTRA): the spectrum's envelope, without the harmonics."""
    return mel.clamp(min=FLOOR) @ _cosines()


def log_mel_of(cepstra: Tensor) -> Tensor:
    """(..., CEPSTRA) to (..., 80): what `cepstra` was made of, smoothed."""
    return cepstra @ _cosines().T


@cache
def _lag_window() -> Tensor:
    window = torch.hann_window(1024)
    spectrum = torch.fft.rfft(window, 4096)
    lags = torch.fft.irfft(spectrum.abs().square())[:512]
    return lags / lags[0]


def pitch(samples: Tensor) -> Tensor:
    """F0 in Hz of each frame, 0 where there is none: Boersma's autocorrelation, without his path search."""
    count = len(samples) // HOP
    padded = torch.nn.functional.pad(samples, (512, 1024))
    frames = padded.unfold(0, 1024, HOP)[:count]
    frames = (frames - frames.mean(1, keepdim=True)) * torch.hann_window(1024)
    spectrum = torch.view_as_real(torch.fft.rfft(frames, 2048))
    lags = torch.fft.irfft(spectrum.square().sum(2))[:, :512]  # 2048 are enough for lags of up to 1024
    strength = lags[:, :1]
    lags = lags / strength.clamp(min=1e-9) / _lag_window()
    low, high = int(RATE / _HIGHEST), int(RATE / _LOWEST)
    window = lags[:, low - 1 : high + 2]
    inner = window[:, 1:-1]
    peaks = (inner > window[:, :-2]) & (inner >= window[:, 2:])
    shorter_first = 0.02 * torch.log2(torch.arange(low, high + 1) / low)
    score = torch.where(peaks, inner - shorter_first, -1.0)
    best, where = score.max(dim=1)
    a, b, c = (window.gather(1, (where + offset)[:, None])[:, 0] for offset in (0, 1, 2))
    lag = where + low + 0.5 * (a - c) / (a - 2 * b + c).clamp(max=-1e-6)
    voiced = (best > 0.5) & (strength[:, 0] > 1e-3)
    return torch.where(voiced, RATE / lag, torch.zeros(()))


def smooth_log_pitch(f0: NDArray[np.float32]) -> NDArray[np.float32]:
    """Natural logarithm of F0, filled in linearly where there is no voice."""
    voiced = np.flatnonzero(f0)
    if len(voiced) == 0:
        return np.full(len(f0), np.log(120.0), np.float32)
    return np.interp(np.arange(len(f0)), voiced, np.log(f0[voiced])).astype(np.float32)


def targets(mel: Tensor, f0: NDArray[np.float32]) -> Tensor:
    """(codes, TARGETS): what a latent should tell of its code: four envelopes, pitches, voicings and the beat.

    The beat turns once in four codes. Latents are stretched linearly to frames, and by it the vocoder knows where
    between two codes it is.
    """
    codes = len(mel) // FRAMES_PER_CODE
    envelope = cepstra(mel[: codes * FRAMES_PER_CODE]).reshape(codes, -1)
    pitches = torch.from_numpy(smooth_log_pitch(f0)[: codes * FRAMES_PER_CODE]).reshape(codes, -1)
    voiced = torch.from_numpy((f0 > 0).astype(np.float32)[: codes * FRAMES_PER_CODE]).reshape(codes, -1)
    return torch.cat([envelope, pitches, voiced, beat(codes)], dim=1)


def median_pitch(told: list[Tensor]) -> Tensor:
    """Hz, over the voiced frames of several utterances' targets."""
    pitches, voiced = (
        torch.cat([rows[:, first : first + FRAMES_PER_CODE].flatten() for rows in told])
        for first in (FRAMES_PER_CODE * CEPSTRA, FRAMES_PER_CODE * (CEPSTRA + 1))
    )
    return torch.exp(pitches[voiced > 0.5].median())


def beat(codes: int) -> Tensor:
    turns = torch.arange(codes) * torch.pi / 2
    return torch.stack([torch.cos(turns), torch.sin(turns)], dim=1)
