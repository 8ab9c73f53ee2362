"""How far made speech is from real speech: distances of spectra in several resolutions (Yamamoto et al., 2020)."""

import torch
from torch import Tensor

RESOLUTIONS = ((2048, 512), (1024, 256), (512, 128), (256, 64))  # (FFT, hop)
_FLOOR = 1e-3  # of a magnitude: what is softer is not heard


def spectral_distance(made: Tensor, real: Tensor) -> Tensor:
    """Of (rows, samples): the mean, over the resolutions, of magnitudes' and their logarithms' distances."""
    distances = []
    for size, hop in RESOLUTIONS:
        a, b = magnitudes(made, size, hop), magnitudes(real, size, hop)
        convergence = (a - b).norm(dim=(1, 2)) / b.norm(dim=(1, 2))
        distances.append(convergence.clamp(max=3).mean() + (a.log() - b.log()).abs().mean())
    return torch.stack(distances).mean()


def magnitudes(samples: Tensor, size: int, hop: int) -> Tensor:
    """(rows, bins, frames)"""
    window = torch.hann_window(size, device=samples.device)
    spectrum = torch.stft(samples, size, hop, window=window, return_complex=True)
    return spectrum.abs().clamp(min=_FLOOR * size**0.5)
