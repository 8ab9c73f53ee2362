"""Upstream's GPT, made ready for training: first values, and its forward pass without padding between its parts."""

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from TTS.tts.layers.xtts.gpt import GPT

from runners.demo.config import CODES, START_CODE, STOP_CODE
from runners.demo.layout import HEADS, LAYERS, WIDTH
from training.examples import Batch

VECTORS = 32  # of a voice; all alike here
CHARACTERS_PER_CODE = 0.64  # in the corpus, on average


def build_gpt(tokens: dict[str, int]) -> Any:
    gpt = GPT(
        start_text_token=tokens["[START]"],
        stop_text_token=tokens["[STOP]"],
        layers=LAYERS,
        model_dim=WIDTH,
        heads=HEADS,
        max_text_tokens=402,
        max_mel_tokens=605,
        max_prompt_tokens=70,
        number_text_tokens=len(tokens),
        num_audio_tokens=CODES,
        start_audio_token=START_CODE,
        stop_audio_token=STOP_CODE,
        use_perceiver_resampler=True,
    )
    _first_values(gpt)
    for name, parameter in gpt.named_parameters():
        parameter.requires_grad_(is_trained(name))
    return gpt


@torch.no_grad()
def _first_values(gpt: Any) -> None:
    """Places as sines, so that every length has some, however few texts are as long.

    Codes count as slowly as speech goes through its text, and one head of each of the first blocks begins by looking
    at the place of the text that is about to be said. Alignment is what such a model learns last; so it has it first.
    """
    width = gpt.text_embedding.embedding_dim
    for table, pace, offset, mark in (
        (gpt.text_pos_embedding.emb.weight, 1.0, 0.0, 1.0),
        (gpt.mel_pos_embedding.emb.weight, CHARACTERS_PER_CODE, 1.0, -1.0),
    ):
        table.copy_(0.1 * sinusoids(torch.arange(len(table)) * pace + offset, width))
        table[:, -1] = 0.1 * mark
    for embedding in (gpt.text_embedding, gpt.mel_embedding):
        embedding.weight.normal_(0, 0.1)
    for block in gpt.gpt.h[:3]:
        _look_at_text(block.attn.c_attn, width)
    gpt.conditioning_perceiver.latents.copy_(0.5 * torch.randn(WIDTH))
    for attention, feed_forward in gpt.conditioning_perceiver.layers[1:]:
        for tensor in (attention.to_out.weight, feed_forward[-1].weight, feed_forward[-1].bias):
            tensor.zero_()
    for tensor in gpt.text_head.parameters():
        tensor.zero_()


def _look_at_text(projection: Any, width: int) -> None:
    """The first head's queries and keys become equal where places are: sines and cosines of the quicker half."""
    size = width // HEADS
    seen = torch.cat([torch.arange(size // 2), width // 2 + torch.arange(size // 2)])
    for first in (0, width):  # of the queries, of the keys
        projection.weight[:, first : first + size] *= 0.1
        projection.weight[seen, first + torch.arange(size)] = 1.3
    last = size - 1  # this one tells text from codes instead
    projection.weight[:, [last, width + last]] = 0
    projection.weight[width - 1, width + last] = 2.0
    projection.bias[last] = 20.0


def is_trained(name: str) -> bool:
    """Not the text head, which speaking does not need, nor the conditioning's parts that are left to change nothing:
    the encoder's blocks and the second layer of the perceiver."""
    return not name.startswith(("text_head", "conditioning_encoder.attn.", "conditioning_perceiver.layers.1."))


def sinusoids(places: Tensor, width: int) -> Tensor:
    """(places, width): sines of ever slower rates, then their cosines."""
    rates = torch.exp(torch.arange(width // 2) * (-math.log(10000.0) / (width // 2)))
    angles = places[:, None] * rates
    return torch.cat([torch.sin(angles), torch.cos(angles)], dim=1)


def style(gpt: Any, mel: Tensor) -> Tensor:
    """(rows, frames, 80) to (rows, WIDTH): `gpt.get_style_emb` where all latents are alike, as training leaves them.

    So one of them stands for all, and attends before what is attended to is projected.
    """
    h = gpt.conditioning_encoder.init(mel.transpose(1, 2))
    h = gpt.conditioning_encoder.attn[-1].norm(h).transpose(1, 2)  # all that is left of the blocks
    latent = gpt.conditioning_perceiver.latents.mean(0)
    attention, feed_forward = gpt.conditioning_perceiver.layers[0]
    keys, values = attention.to_kv.weight.view(2, attention.heads, -1, WIDTH)
    reading = torch.einsum("hd,hdc->ch", attention.to_q(latent).view(attention.heads, -1), keys) * attention.scale
    alike = (latent @ reading + math.log(VECTORS)).expand(len(mel), 1, -1)
    shares = torch.cat([alike, h @ reading], dim=1).softmax(1)
    seen = torch.cat([latent.expand(len(mel), 1, -1), h], dim=1)
    found = torch.einsum("hdc,bhc->bhd", values, shares.transpose(1, 2) @ seen)
    x = attention.to_out(found.flatten(1)) + latent
    result: Tensor = gpt.conditioning_perceiver.norm(feed_forward(x) + x)
    return result


def _attend(block: Any, x: Tensor, mask: Tensor) -> Tensor:
    rows, time, _ = x.shape
    parts = block.attn.c_attn(block.ln_1(x)).chunk(3, dim=2)
    q, k, v = (part.view(rows, time, HEADS, -1).transpose(1, 2) for part in parts)
    scores = (q * q.shape[3] ** -0.5) @ k.transpose(2, 3) + mask.to(q.dtype)  # torch's own is slow in bfloat16
    mixed = scores.softmax(3, dtype=v.dtype) @ v
    return x + block.attn.c_proj(mixed.transpose(1, 2).reshape(rows, time, -1))


def _feed(block: Any, x: Tensor) -> Tensor:
    return x + block.mlp.c_proj(F.gelu(block.mlp.c_fc(block.ln_2(x)), approximate="tanh"))


def _mask(time: int, device: torch.device) -> Tensor:
    """Each place sees itself and those before; the first is VECTORS places that are alike."""
    mask = torch.full((time, time), -torch.inf, device=device).triu(1)
    mask[:, 0] = math.log(VECTORS)
    return mask


def latents(gpt: Any, batch: Batch) -> list[Tensor]:
    """(codes + 1, WIDTH) of each row, from the start code on: what the vocoder is given."""
    device = gpt.mel_head.weight.device
    conditioning = style(gpt, batch.conditioning.to(device))
    rows, places = [], []
    for row, (example, fed) in enumerate(zip(batch.examples, batch.fed, strict=True)):
        text = F.pad(
            F.pad(example.tokens.to(device), (1, 0), value=gpt.start_text_token), (0, 1), value=gpt.stop_text_token
        )
        codes = F.pad(fed.to(device), (1, 0), value=START_CODE)
        said = gpt.text_embedding(text) + gpt.text_pos_embedding.emb.weight[: len(text)]
        spoken = gpt.mel_embedding(codes) + gpt.mel_pos_embedding.emb.weight[: len(codes)]
        rows.append(torch.cat([conditioning[row, None], said, spoken]))
        places.append(torch.arange(1 + len(text), len(rows[-1]), device=device))
    x = nn.utils.rnn.pad_sequence(rows, batch_first=True)
    mask = _mask(x.shape[1], device)[None, None]
    for block in gpt.gpt.h[:-1]:
        x = _feed(block, _attend(block, x, mask))
    x = _attend(gpt.gpt.h[-1], x, mask).flatten(0, 1)
    x = x[torch.cat([row * mask.shape[-1] + mine for row, mine in enumerate(places)])]  # the codes alone
    x = gpt.final_norm(gpt.gpt.ln_f(_feed(gpt.gpt.h[-1], x)))
    return list(x.split([len(mine) for mine in places]))
