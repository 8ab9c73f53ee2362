"""Prefill and step against upstream's second pass, and a row's bits against its company, in a CPU's precisions."""

from collections.abc import Iterator

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from TTS.tts.models.xtts import Xtts

from runners.xtts.model import Model
from runners.xtts.precision import FP32, choose_precision
from runners.xtts.sampling import SamplingParams
from tests.studio import LINES, Studio

SLOTS = 9
GREEDY = SamplingParams(0.0, 50, 0.85, 5.0, stream=0)


@pytest.fixture(scope="module", params=["fp32", "int10"])
def room(model: Model, request: pytest.FixtureRequest) -> Iterator[Studio]:
    """Its engine is never started: the model is ours alone."""
    precision = choose_precision(request.param, torch.device("cpu"), model.gpt.blocks[0])
    assert (precision == FP32) == (request.param == "fp32")
    return Studio(model, SLOTS, mute=True, precision=precision)


def codes_of(line: int, count: int) -> list[int]:
    return torch.randint(0, 1024, (count,), generator=torch.Generator().manual_seed(line)).tolist()


def hidden_of(room: Studio, lines: dict[int, int], steps: int) -> dict[int, Tensor]:
    """Feed made-up codes to lines in slots ({slot: line}); returns the hidden states, {slot: (steps + 1, dim)}."""
    decoder, slots = room.decoder, list(lines)
    conditioning = room.model.speakers["Demo Low"]["gpt_cond_latent"]
    texts = [room.tokens(*LINES[line]) for line in lines.values()]
    decoder.prefill(slots, texts, [conditioning] * len(slots), [GREEDY] * len(slots))
    for step in range(steps):
        decoder._codes[slots] = torch.tensor([codes_of(line, steps)[step] for line in lines.values()])
        decoder.step(slots)
    for slot in slots:
        decoder.vacate(slot)
    return {slot: decoder.latents[slot, : steps + 1].clone() for slot in slots}


@torch.inference_mode()
@pytest.mark.parametrize("line", [0, 4, 9, 16])
def test_hidden_states_are_the_latents_of_upstreams_second_pass(room: Studio, xtts: Xtts, line: int) -> None:
    steps = 20
    ours = hidden_of(room, {0: line}, steps)[0]
    tokens = room.tokens(*LINES[line])[None]
    codes = torch.tensor(codes_of(line, steps))[None]
    theirs = xtts.gpt(
        tokens,
        torch.tensor([tokens.shape[1]]),
        torch.cat([codes, torch.tensor([[5]])], dim=1),
        torch.tensor([(steps + 1) * xtts.gpt.code_stride_len]),
        cond_latents=xtts.speaker_manager.speakers["Demo Low"]["gpt_cond_latent"],
        return_latent=True,
    )
    assert theirs.shape[1] == steps + 1
    if room.precision == FP32:
        assert torch.allclose(ours, theirs[0], atol=2e-5)
    assert (ours - theirs[0]).norm() / theirs[0].norm() < 0.05


@given(
    lines=st.dictionaries(st.integers(0, SLOTS - 1), st.integers(0, len(LINES) - 1), min_size=1, max_size=SLOTS),
    data=st.data(),
)
@settings(max_examples=25, deadline=None)
def test_a_row_has_the_same_bits_in_any_company(room: Studio, lines: dict[int, int], data: st.DataObject) -> None:
    slot = data.draw(st.sampled_from(sorted(lines)))
    together = hidden_of(room, lines, steps=6)[slot]
    alone = hidden_of(room, {0: lines[slot]}, steps=6)[0]
    assert torch.equal(together, alone)


def test_logits_have_the_same_bits_in_any_company(room: Studio) -> None:
    hidden = torch.randn(9, room.model.args.gpt_n_model_channels, generator=torch.Generator().manual_seed(3))
    logits = room.decoder._gpt.logits
    together = logits(hidden)
    for rows in range(1, 9):
        assert torch.equal(logits(hidden[:rows]), together[:rows])
