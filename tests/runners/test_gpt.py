"""Prefill and decode against upstream's second pass, and a row's bits against its company."""

from collections.abc import Iterator

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from TTS.tts.models.xtts import Xtts

from runners.gpt import GPT
from tests.studio import LINES, Studio

SLOTS = 9


@pytest.fixture(scope="module")
def room(own_xtts: Xtts) -> Iterator[Studio]:
    return Studio(own_xtts, SLOTS, mute=True)  # its engine is never started: the model is ours alone


def codes_of(line: int, count: int) -> list[int]:
    return torch.randint(0, 1024, (count,), generator=torch.Generator().manual_seed(line)).tolist()


def hidden_of(room: Studio, gpt: GPT, lines: dict[int, int], steps: int) -> dict[int, Tensor]:
    """Feed made-up codes to lines in slots ({slot: line}); returns the hidden states, {slot: (steps + 1, dim)}."""
    slots = list(lines)
    conditioning = room.xtts.speaker_manager.speakers["Demo Low"]["gpt_cond_latent"]
    texts = [room.tokens(*LINES[line]) for line in lines.values()]
    states = [gpt.prefill(slots, texts, [conditioning] * len(slots))]
    for step in range(steps):
        fed = torch.tensor([codes_of(line, steps)[step] for line in lines.values()])
        states.append(gpt.decode(slots, fed))
    for slot in slots:
        gpt.vacate(slot)
    return {slot: torch.stack([state[row] for state in states]) for row, slot in enumerate(slots)}


@torch.inference_mode()
@pytest.mark.parametrize("line", [0, 4, 9, 16])
def test_hidden_states_are_the_latents_of_upstreams_second_pass(room: Studio, xtts: Xtts, line: int) -> None:
    steps = 20
    ours = hidden_of(room, room.gpt, {0: line}, steps)[0]
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
    assert torch.allclose(ours, theirs[0], atol=2e-5)


@given(
    lines=st.dictionaries(st.integers(0, SLOTS - 1), st.integers(0, len(LINES) - 1), min_size=1, max_size=SLOTS),
    data=st.data(),
)
@settings(max_examples=25, deadline=None)
def test_a_row_has_the_same_bits_in_any_company(room: Studio, lines: dict[int, int], data: st.DataObject) -> None:
    slot = data.draw(st.sampled_from(sorted(lines)))
    together = hidden_of(room, room.gpt, lines, steps=6)[slot]
    alone = hidden_of(room, room.gpt, {0: lines[slot]}, steps=6)[0]
    assert torch.equal(together, alone)


def test_logits_have_the_same_bits_in_any_company(room: Studio) -> None:
    hidden = torch.randn(9, room.xtts.args.gpt_n_model_channels, generator=torch.Generator().manual_seed(3))
    together = room.gpt.logits(hidden)
    for rows in range(1, 9):
        assert torch.equal(room.gpt.logits(hidden[:rows]), together[:rows])
