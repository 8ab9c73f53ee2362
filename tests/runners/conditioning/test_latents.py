"""A blend is a weighted mean: of nothing but its parts, whatever the scale of the weights."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from runners.conditioning.latents import Latents, LatentShapes, blend

WEIGHTS = st.lists(st.floats(1e-3, 1e3), min_size=1, max_size=6)


def some_latents(seed: int) -> Latents:
    generator = torch.Generator().manual_seed(seed)
    return Latents(torch.randn(1, 32, 16, generator=generator), torch.randn(1, 512, 1, generator=generator))


@given(WEIGHTS)
@settings(max_examples=50, deadline=None)
def test_a_blend_is_the_weighted_mean(weights: list[float]) -> None:
    parts = [some_latents(seed) for seed in range(len(weights))]
    blended = blend(list(zip(parts, weights, strict=True)))
    shares = torch.tensor(weights, dtype=torch.float64) / sum(weights)
    for name in ("gpt_cond_latent", "speaker_embedding"):
        stacked = torch.stack([getattr(part, name) for part in parts]).double()
        expected = (stacked * shares[:, None, None, None]).sum(dim=0)
        torch.testing.assert_close(getattr(blended, name).double(), expected, rtol=0, atol=1e-5)
        assert getattr(blended, name).dtype == torch.float32


@given(st.integers(0, 5), st.floats(1e-3, 1e3))
@settings(max_examples=20, deadline=None)
def test_one_part_comes_back_bit_for_bit(seed: int, weight: float) -> None:
    part = some_latents(seed)
    alone = blend([(part, weight)])
    assert torch.equal(alone.gpt_cond_latent, part.gpt_cond_latent)
    assert torch.equal(alone.speaker_embedding, part.speaker_embedding)


@given(WEIGHTS, st.floats(0.01, 100))
@settings(max_examples=20, deadline=None)
def test_only_the_ratios_of_the_weights_count(weights: list[float], factor: float) -> None:
    parts = [some_latents(seed) for seed in range(len(weights))]
    once = blend(list(zip(parts, weights, strict=True)))
    scaled = blend([(part, weight * factor) for part, weight in zip(parts, weights, strict=True)])
    torch.testing.assert_close(once.gpt_cond_latent, scaled.gpt_cond_latent, rtol=0, atol=1e-5)


def test_the_speaker_embedding_is_not_brought_back_to_unit_length() -> None:
    one, other = torch.zeros(1, 512, 1), torch.zeros(1, 512, 1)
    one[0, 0, 0] = other[0, 1, 0] = 1
    frames = torch.zeros(1, 32, 16)
    blended = blend([(Latents(frames, one), 1), (Latents(frames, other), 1)])
    assert blended.speaker_embedding.norm() == pytest.approx(0.5**0.5)


def test_parts_are_not_written_to() -> None:
    part, other = some_latents(1), some_latents(2)
    before = part.gpt_cond_latent.clone()
    blend([(part, 1), (other, 3)])
    assert torch.equal(part.gpt_cond_latent, before)


def test_shapes_and_finiteness() -> None:
    latents = some_latents(1)
    assert latents.shapes == LatentShapes((1, 32, 16), (1, 512, 1))
    assert latents.finite
    for bad in (float("nan"), float("inf")):
        assert not Latents(latents.gpt_cond_latent, torch.full((1, 512, 1), bad)).finite
        assert not Latents(torch.full((1, 32, 16), bad), latents.speaker_embedding).finite


def test_shapes_are_said_in_words() -> None:
    said = str(LatentShapes((1, 32, 16), (1, 512, 1)))
    assert said == "gpt_cond_latent [1, 32, 16] and speaker_embedding [1, 512, 1]"
