"""How far made speech is from real speech: distances of spectra in several resolutions (Yamamoto et al., 2020)."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

RESOLUTIONS = ((2048, 512), (1024, 256), (512, 128), (256, 64))  # (FFT, hop)
BLIND_TO_HARMONICS = RESOLUTIONS[3:]  # whose window is too short to tell F0
_FLOOR = 1e-3  # of a magnitude: what is softer is not heard


def spectral_distance(made: Tensor, real: Tensor, resolutions: Sequence[tuple[int, int]] = RESOLUTIONS) -> Tensor:
    """Of (rows, samples): the mean, over the resolutions, of magnitudes' and their logarithms' distances."""
    distances = []
    for size, hop in resolutions:
        a, b = magnitudes(made, size, hop), magnitudes(real, size, hop)
        convergence = (a - b).norm(dim=(1, 2)) / b.norm(dim=(1, 2))
        distances.append(convergence.clamp(max=3).mean() + (a.log() - b.log()).abs().mean())
    return torch.stack(distances).mean()


def waveform_distance(made: Tensor, voiced: Tensor) -> Tensor:
    """Of (rows, samples): how far `made` is from `voiced`, sample by sample, where there is a voice. High frequencies
    are raised, or they would not count."""
    a, b = (F.pad(wave, (1, 0))[:, 1:] - 0.9 * F.pad(wave, (1, 0))[:, :-1] for wave in (made, voiced))
    energy = F.avg_pool1d(b.square()[:, None], 1025, 1, 512)[:, 0]
    there = (energy > 1e-5).float()
    scale = (energy + 1e-5).sqrt()
    return (((a - b) / scale).abs() * there).sum() / there.sum().clamp(min=1)


def magnitudes(samples: Tensor, size: int, hop: int) -> Tensor:
    """(rows, bins, frames)"""
    window = torch.hann_window(size, device=samples.device)
    spectrum = torch.stft(samples, size, hop, window=window, return_complex=True)
    return spectrum.abs().clamp(min=_FLOOR * size**0.5)
