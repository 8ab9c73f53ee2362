"""Weights of the test checkpoint's GPT: seeded random ones, and one hand-made circuit that says when to stop.

Some dimensions of the residual stream are kept for the circuit; the rest is content. Every text token brings
as many codes into a purse as it takes to say it, every audio code takes about one out, and the first head of
the first layer reads what is left, per token so far. As that runs out the stop code's logit rises. The
embeddings are made so that the first LayerNorm changes nothing, which keeps the sum exact at any length. The
other heads listen to one thing each: the language, the voice, the text, the codes so far.
"""

import unicodedata
from enum import IntEnum

import torch
from torch import Tensor

from runners.demo.config import CODES, START_CODE, STOP_CODE
from runners.demo.vocabulary import LANGUAGE_TAGS

WIDTH, HEADS, LAYERS = 128, 4, 2
CONTENT = WIDTH - 7  # the dimensions before the ones in Dim


class Dim(IntEnum):
    """The dimensions of the residual stream that are not content."""

    ZERO = CONTENT  # always 0: shows what a LayerNorm takes off the others
    EDGE = CONTENT + 1  # _MARK on the first places of the codes
    TEXT = CONTENT + 2  # _MARK on a text token
    AUDIO = CONTENT + 3  # _MARK on an audio code
    LANGUAGE = CONTENT + 4  # _MARK on a language tag
    PURSE = CONTENT + 5  # codes brought (text) or taken (audio), in units of _COIN
    LEFT = CONTENT + 6  # written by the circuit: codes left, per token so far


_WHAT, _WHERE = slice(0, CONTENT // 2), slice(CONTENT // 2, CONTENT)  # content of a token and of its place
_TEXT_PLACES, _CODE_PLACES = 404, 608
_HEAD, _MLP = WIDTH // HEADS, 4 * WIDTH

_MARK, _COIN = 2.0, 0.25
_LETTER, _FULL_STOP, _OTHER = 1.42, 2.0, 0.7  # codes it takes to say a character; 21.53 codes are a second
_UNEVEN = 0.5  # how far audio codes differ in what they take from the purse
_LEAD_IN = 2  # codes of silence before the first sound
_LAST_CALL = 575  # from this place on nothing is left: no text needs the model's longest utterance

_LISTENING = 12.0  # how far the scores of a head are lifted where it listens
_SHARPNESS = 3.0  # spread of its scores there
_ATTENTION_GAIN, _MLP_GAIN = 1.2, 1.2
_CODE_SPREAD = 3.0  # of the logits: about ten candidates under the usual sampling
_STOP_SLOPE, _STOP_BIAS = 250.0, 9.0


def gpt_weights(tokens: dict[str, int], generator: torch.Generator) -> dict[str, Tensor]:
    """Tensors by their name in `Xtts.gpt`, without the conditioning. `tokens`: token -> id."""
    weights = {
        "text_embedding.weight": _text_rows(tokens, generator),
        "text_pos_embedding.emb.weight": _fill(torch.zeros(_TEXT_PLACES, WIDTH), _WHERE, generator),
        "mel_embedding.weight": _code_rows(generator),
        "mel_pos_embedding.emb.weight": _code_places(generator),
    }
    for layer in range(LAYERS):
        block = _attention(layer, generator) | _mlp(generator)
        weights |= {f"gpt.h.{layer}.{name}": tensor for name, tensor in block.items()}
    return weights | _mel_head(generator)


def codes_to_say(token: str) -> float:
    """How many audio codes a text token is worth."""
    if token.startswith("[") and len(token) > 1:
        return _OTHER if token == "[SPACE]" else 0.0
    return sum(_codes_to_say(character) for character in token)


def _codes_to_say(character: str) -> float:
    if unicodedata.category(character)[0] in "LMN":
        return _LETTER
    return _FULL_STOP if character in ".!?…。！？؟।" else _OTHER


def _text_rows(tokens: dict[str, int], generator: torch.Generator) -> Tensor:
    rows = torch.zeros(len(tokens), WIDTH)
    rows[:, Dim.TEXT] = _MARK
    rows[:, Dim.PURSE] = torch.tensor([codes_to_say(token) * _COIN for token in tokens])
    rows[[tokens[tag] for tag in LANGUAGE_TAGS], Dim.LANGUAGE] = _MARK
    return _fill(rows, _WHAT, generator)


def _code_rows(generator: torch.Generator) -> Tensor:
    rows = torch.zeros(CODES, WIDTH)
    rows[:, Dim.AUDIO] = _MARK
    rows[:, Dim.PURSE] = -_COIN * (1 + _UNEVEN * torch.randn(CODES, generator=generator).clamp(-2, 2))
    rows[START_CODE, Dim.PURSE] = 0
    return _fill(rows, _WHAT, generator)


def _code_places(generator: torch.Generator) -> Tensor:
    rows = torch.zeros(_CODE_PLACES, WIDTH)
    rows[:_LEAD_IN, Dim.EDGE] = _MARK
    rows[_LAST_CALL:, Dim.LEFT] = -1.0
    return _fill(rows, _WHERE, generator)


def _fill(rows: Tensor, where: slice, generator: torch.Generator) -> Tensor:
    """Random content such that every row's sum is 0 and its squares sum to WIDTH / 2.

    A token and its place then have mean 0 and variance 1: what a LayerNorm would make of them.
    """
    noise = torch.randn(rows[:, where].shape, generator=generator)
    noise -= noise.mean(dim=1, keepdim=True)
    offset = rows.sum(dim=1, keepdim=True) / noise.shape[1]
    energy = WIDTH / 2 - rows.square().sum(dim=1, keepdim=True) - offset.square() * noise.shape[1]
    rows[:, where] = noise * (energy.sqrt() / noise.norm(dim=1, keepdim=True)) - offset
    return rows


def _attention(layer: int, generator: torch.Generator) -> dict[str, Tensor]:
    """Four heads. GPT-2 keeps these weights as (in, out), with queries, keys and values side by side."""
    query, key, value = (_reading(WIDTH, gain, generator) for gain in (_SHARPNESS**0.5, _SHARPNESS**0.5, 1.0))
    out = _writing(WIDTH, _ATTENTION_GAIN * HEADS**0.5, generator)
    query, key, value = (weight.view(WIDTH, HEADS, _HEAD) for weight in (query, key, value))
    if layer == 0:
        query[:, 0], key[:, 0], value[:, 0], out[:_HEAD] = 0, 0, 0, 0
        value[Dim.PURSE, 0, 0], out[0, Dim.LEFT] = 1 / _COIN, 1
    query_bias = _listen(query, key, layer)
    return {
        "attn.c_attn.weight": torch.stack([query, key, value], dim=1).view(WIDTH, 3 * WIDTH),
        "attn.c_attn.bias": torch.cat([query_bias, torch.zeros(2 * WIDTH)]),
        "attn.c_proj.weight": out,
        "attn.c_proj.bias": torch.zeros(WIDTH),
    }


def _listen(query: Tensor, key: Tensor, layer: int) -> Tensor:
    """Gives each head's first channel to the marks of what it listens to. Returns the queries' bias."""
    first: dict[Dim, int] = {Dim.TEXT: 1, Dim.AUDIO: 1} if layer == 0 else {Dim.LANGUAGE: 1}
    ears = (first, {Dim.TEXT: -1, Dim.AUDIO: -1}, {Dim.TEXT: 1}, {Dim.AUDIO: 1})
    query[:, :, 0], key[:, :, 0] = 0, 0
    for head, ear in enumerate(ears):
        for mark, sign in ear.items():
            key[mark, head, 0] = sign * _LISTENING / _MARK
    bias = torch.zeros(HEADS, _HEAD)
    bias[:, 0] = _HEAD**0.5  # undoes the scaling of the scores
    return bias.view(WIDTH)


def _mlp(generator: torch.Generator) -> dict[str, Tensor]:
    return {
        "mlp.c_fc.weight": _reading(_MLP, 1.0, generator),
        "mlp.c_fc.bias": torch.zeros(_MLP),
        "mlp.c_proj.weight": _writing(_MLP, _MLP_GAIN, generator),
        "mlp.c_proj.bias": torch.zeros(WIDTH),
    }


def _mel_head(generator: torch.Generator) -> dict[str, Tensor]:
    weight, bias = _reading(CODES, _CODE_SPREAD, generator).T.contiguous(), torch.zeros(CODES)
    weight[STOP_CODE] = 0
    weight[STOP_CODE, Dim.LEFT], weight[STOP_CODE, Dim.ZERO] = -_STOP_SLOPE, _STOP_SLOPE
    bias[STOP_CODE], bias[START_CODE] = _STOP_BIAS, -100.0
    return {"mel_head.weight": weight, "mel_head.bias": bias}


def _reading(outputs: int, gain: float, generator: torch.Generator) -> Tensor:
    """(WIDTH, outputs): reads content alone."""
    weight = torch.zeros(WIDTH, outputs)
    weight[:CONTENT] = torch.randn(CONTENT, outputs, generator=generator) * gain / CONTENT**0.5
    return weight


def _writing(inputs: int, gain: float, generator: torch.Generator) -> Tensor:
    """(inputs, WIDTH): writes content alone."""
    weight = torch.zeros(inputs, WIDTH)
    weight[:, :CONTENT] = torch.randn(inputs, CONTENT, generator=generator) * gain / inputs**0.5
    return weight
