"""From a clip's mel spectrogram to what the perceiver reads: upstream's ConditioningEncoder
(TTS/tts/layers/tortoise/autoregressive.py) under upstream's names."""

import math
from functools import cache

import torch.nn.functional as F
import torchaudio
from torch import Tensor, nn

RATE = 22_050  # Hz; upstream's conditioning takes no other
BLOCKS = 6


@cache
def _mel_spectrogram() -> torchaudio.transforms.MelSpectrogram:
    return torchaudio.transforms.MelSpectrogram(
        sample_rate=RATE,
        n_fft=2048,
        hop_length=256,
        win_length=1024,
        power=2,
        f_min=0,
        f_max=8000,
        n_mels=80,
        norm="slaney",
    )


def log_mel(samples: Tensor) -> Tensor:
    """(..., samples) at RATE, on the CPU, to (..., 80, frames of 256 samples)."""
    mel: Tensor = _mel_spectrogram()(samples)
    return mel.clamp(min=1e-5).log()


class ConditioningEncoder(nn.Module):
    def __init__(self, bands: int, dim: int, heads: int) -> None:
        super().__init__()
        self.init = nn.Conv1d(bands, dim, 1)
        self.attn = nn.Sequential(*(AttentionBlock(dim, heads) for _ in range(BLOCKS)))

    def forward(self, mel: Tensor) -> Tensor:
        """(1, bands, frames) to (1, dim, frames)."""
        encoded: Tensor = self.attn(self.init(mel))
        return encoded


class AttentionBlock(nn.Module):
    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm = nn.GroupNorm(math.gcd(dim, 32 if dim > 64 else 16), dim)
        self.qkv = nn.Conv1d(dim, 3 * dim, 1)
        self.proj_out = nn.Conv1d(dim, dim, 1)

    def forward(self, x: Tensor) -> Tensor:
        """What is added to the attended is `x` after its norm, in upstream too."""
        x = self.norm(x)
        query, key, value = self.qkv(x).unflatten(1, (self.heads, 3, -1)).transpose(3, 4).unbind(2)
        attended = F.scaled_dot_product_attention(query, key, value)  # (1, heads, frames, dim of a head)
        projected: Tensor = self.proj_out(attended.transpose(2, 3).flatten(1, 2))
        return x + projected
