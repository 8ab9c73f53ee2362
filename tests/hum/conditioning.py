"""Weights that hear a reference clip: the conditioning encoder, its perceiver, the speaker encoder's end.

Random networks answer nearly the same to every clip. These are blind to what clips have in common (level,
spectral tilt, the average over bands, the answer to plain noise): what is left tells one clip from another.
"""

import copy
import math

import torch
from torch import Tensor, nn

from tests.hum.gpt import CONTENT, WIDTH

_MEL_BINS = 80
_LATENTS = 32
_EMBEDDING = 512

_BLOCKS = 6  # of the conditioning encoder
_INNER = 8 * 64  # heads x width of the perceiver's attention
_HIDDEN = WIDTH * 4 * 2 // 3  # of its feed-forward part
_MAPS, _BANDS = 256, 8  # of the speaker encoder's last features; their means and deviations are read
_FRAME_CHOICE = 3.5  # how sharply a latent picks its frames of the clip


def conditioning_weights(generator: torch.Generator) -> dict[str, Tensor]:
    """Tensors by their name in `Xtts`."""

    def random(outputs: int, inputs: int, gain: float = 1.0) -> Tensor:
        return torch.randn(outputs, inputs, generator=generator) * gain / inputs**0.5

    encoder, perceiver = "gpt.conditioning_encoder", "gpt.conditioning_perceiver"
    weights = {
        "mel_stats": torch.full((_MEL_BINS,), 2.0),
        f"{encoder}.init.weight": _blind_to_tilt(random(WIDTH, _MEL_BINS)).unsqueeze(-1),
        f"{encoder}.init.bias": torch.zeros(WIDTH),
        f"{perceiver}.latents": random(_LATENTS, WIDTH, gain=0.3 * WIDTH**0.5),
        f"{perceiver}.norm.gamma": (torch.arange(WIDTH) < CONTENT).float(),
        "hifigan_decoder.speaker_encoder.fc.weight": _blind_to_average(random(_EMBEDDING * 2 * _MAPS, _BANDS)).reshape(
            _EMBEDDING, -1
        ),
        "hifigan_decoder.speaker_encoder.fc.bias": torch.zeros(_EMBEDDING),
    }
    for block in range(_BLOCKS):
        name = f"{encoder}.attn.{block}"
        weights |= {
            f"{name}.qkv.weight": random(3 * WIDTH, WIDTH, gain=1.0).unsqueeze(-1),
            f"{name}.qkv.bias": torch.zeros(3 * WIDTH),
            f"{name}.proj_out.weight": random(WIDTH, WIDTH, gain=0.4).unsqueeze(-1),
            f"{name}.proj_out.bias": torch.zeros(WIDTH),
        }
    for layer, choice in enumerate((_FRAME_CHOICE, 0.4)):
        attention, feed_forward = f"{perceiver}.layers.{layer}.0", f"{perceiver}.layers.{layer}.1"
        weights |= {
            f"{attention}.to_q.weight": random(_INNER, WIDTH, gain=choice),
            f"{attention}.to_kv.weight": random(2 * _INNER, WIDTH, gain=1.5),
            f"{attention}.to_out.weight": random(WIDTH, _INNER, gain=1.0),
            f"{feed_forward}.0.weight": random(2 * _HIDDEN, WIDTH),
            f"{feed_forward}.0.bias": torch.zeros(2 * _HIDDEN),
            f"{feed_forward}.2.weight": random(WIDTH, _HIDDEN),
            f"{feed_forward}.2.bias": torch.zeros(WIDTH),
        }
    return weights


def speaker_centre(encoder: nn.Module) -> Tensor:
    """What the speaker encoder answers to noise that comes and goes, (512,).

    Reckoned in double, because float32 sums differ in their last bits with the number of threads.
    """
    time = torch.arange(2 * 16_000, dtype=torch.float64) / 16_000  # seconds
    noise = torch.randn(time.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    probe = noise * (1 + torch.sin(2 * math.pi * 3 * time)) / 2
    with torch.no_grad():
        centre: Tensor = copy.deepcopy(encoder).double().eval()(probe[None])[0]
    return centre.float()


def made_up_voice(generator: torch.Generator) -> dict[str, Tensor]:
    """A built-in speaker of no clip, as `speakers_xtts.pth` keeps it."""
    latent = torch.zeros(1, _LATENTS, WIDTH)
    latent[..., :CONTENT] = torch.randn(1, _LATENTS, CONTENT, generator=generator)
    embedding = torch.randn(1, _EMBEDDING, 1, generator=generator)
    return {"gpt_cond_latent": latent, "speaker_embedding": embedding / embedding.norm()}


def _blind_to_tilt(rows: Tensor) -> Tensor:
    """Takes the constant, the slope and the bend over the mel bins out of every row."""
    ramp = torch.linspace(-1, 1, rows.shape[1], dtype=torch.float64)
    shapes, _ = torch.linalg.qr(torch.stack([ramp**power for power in range(3)], dim=1))
    return (rows - rows.double() @ shapes @ shapes.T).float()


def _blind_to_average(rows: Tensor) -> Tensor:
    """Compares the bands of a feature map with each other, without the edges, which always differ."""
    inner = rows[:, 1:-1]
    return nn.functional.pad(inner - inner.mean(dim=1, keepdim=True), (1, 1))
