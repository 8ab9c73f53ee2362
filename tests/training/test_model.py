"""The forward pass that is trained is the one that upstream's own modules compute."""

from typing import Any

import pytest
import torch

from runners.demo.config import STOP_CODE
from runners.demo.layout import WIDTH
from runners.demo.vocabulary import write_vocabulary
from training.examples import Batch, Example
from training.model import VECTORS, build_gpt, is_trained, latents, style


@pytest.fixture(scope="module")
def gpt(tmp_path_factory: pytest.TempPathFactory) -> Any:
    torch.manual_seed(0)
    model = build_gpt(write_vocabulary(tmp_path_factory.mktemp("vocabulary") / "vocab.json"))
    return model.eval()


def example(text: int, codes: int, seed: int) -> Example:
    generator = torch.Generator().manual_seed(seed)
    tokens = torch.randint(30, 300, (text,), generator=generator)
    drawn = torch.randint(0, 1024, (codes,), generator=generator)
    return Example(tokens, drawn, torch.zeros(codes, 1), torch.zeros(1, 80), 0, torch.zeros(0))


@torch.no_grad()
def test_the_conditioning_is_upstreams(gpt: Any) -> None:
    mel = torch.randn(2, 150, 80, generator=torch.Generator().manual_seed(1))
    theirs = gpt.get_style_emb(mel.transpose(1, 2)).transpose(1, 2)
    assert theirs.shape == (2, VECTORS, WIDTH)
    torch.testing.assert_close(style(gpt, mel)[:, None].expand(-1, VECTORS, -1), theirs, atol=1e-4, rtol=1e-4)


@torch.no_grad()
def test_the_latents_are_upstreams_whatever_else_is_in_the_batch(gpt: Any) -> None:
    examples = [example(20, 33, 2), example(7, 12, 3)]
    mel = torch.randn(2, 150, 80, generator=torch.Generator().manual_seed(1))
    ours = latents(gpt, Batch(examples, [e.codes for e in examples], mel))
    for row, one in enumerate(examples):
        theirs = gpt(
            one.tokens[None],
            torch.tensor([len(one.tokens)]),
            one.codes[None],
            torch.tensor([len(one.codes) * gpt.code_stride_len]),
            cond_latents=style(gpt, mel[row : row + 1])[:, None].expand(-1, VECTORS, -1),
            return_latent=True,
        )
        assert ours[row].shape == (len(one.codes) + 1, WIDTH)
        torch.testing.assert_close(ours[row][:-1], theirs[0, : len(one.codes)], atol=1e-3, rtol=1e-3)


def test_before_training_a_code_looks_at_the_text_that_it_says(gpt: Any) -> None:
    one = example(40, 62, 4)
    block, size = gpt.gpt.h[0], WIDTH // 4
    text, codes = gpt.text_pos_embedding.emb.weight[:42], gpt.mel_pos_embedding.emb.weight[: len(one.codes)]
    with torch.no_grad():
        x = torch.cat([text, codes])[None]
        queries, keys, _ = block.attn.c_attn(block.ln_1(x)).chunk(3, dim=2)
    scores = queries[0, 42:, :size] @ keys[0, :42, :size].T
    expected = torch.arange(len(one.codes)) * 0.64 + 1
    assert (scores.argmax(1) - expected).abs().max() < 1.5


def test_what_upstream_has_and_nobody_needs_is_left_out_of_training(gpt: Any) -> None:
    assert not is_trained("text_head.weight")
    assert not is_trained("conditioning_encoder.attn.5.qkv.weight")
    assert not is_trained("conditioning_perceiver.layers.1.0.to_out.weight")
    assert is_trained("conditioning_perceiver.layers.0.0.to_out.weight")
    assert is_trained("gpt.h.0.attn.c_attn.weight")
    assert len(gpt.conditioning_perceiver.latents) == VECTORS
    assert gpt.num_audio_tokens > STOP_CODE
