"""The sampler against transformers' processors, and its random streams against what randomness must look like."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from transformers import (
    RepetitionPenaltyLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from runners.xtts.sampling import NOT_FINITE, Sampler, SamplingParams, distribution, penalise, stream_of, uniform

CODES = 1026
CPU = torch.device("cpu")


def params(**changes: float) -> SamplingParams:
    values = {"temperature": 0.75, "top_k": 50, "top_p": 0.85, "repetition_penalty": 5.0, "stream": 7}
    return SamplingParams(**{**values, **changes})  # type: ignore[arg-type]


def upstream(logits: Tensor, seen: Tensor, settings: SamplingParams) -> Tensor:
    """Probabilities of one row as `generate` of transformers makes them, in its order of processors."""
    ids = seen.nonzero()[:, 0][None]
    scores = RepetitionPenaltyLogitsProcessor(settings.repetition_penalty)(ids, logits[None].clone())
    scores = TemperatureLogitsWarper(settings.temperature)(ids, scores)
    if settings.top_k:
        scores = TopKLogitsWarper(settings.top_k)(ids, scores)
    if settings.top_p < 1:
        scores = TopPLogitsWarper(settings.top_p)(ids, scores)
    return scores.softmax(dim=-1)[0]


@given(
    seed=st.integers(0, 2**31),
    scale=st.floats(0.1, 20),
    temperature=st.floats(0.05, 2),
    top_k=st.sampled_from([0, 1, 2, 50, 1026, 5000]),
    top_p=st.floats(0.01, 1),
    penalty=st.floats(1, 15),
    spoken=st.integers(0, 400),
)
@settings(max_examples=150, deadline=None)
def test_distribution_is_that_of_transformers(
    seed: int, scale: float, temperature: float, top_k: int, top_p: float, penalty: float, spoken: int
) -> None:
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(CODES, generator=generator) * scale
    seen = torch.zeros(CODES, dtype=torch.bool)
    seen[[1, 1024]] = True
    seen[torch.randint(0, 1024, (spoken,), generator=generator)] = True
    asked = params(temperature=temperature, top_k=top_k, top_p=top_p, repetition_penalty=penalty)
    column = [torch.tensor([[value]]) for value in (temperature, top_k, top_p)]
    ours = distribution(penalise(logits[None], seen[None], torch.tensor([[penalty]])), *column)[0]
    assert torch.allclose(ours, upstream(logits, seen, asked), atol=1e-6, rtol=0)


@pytest.mark.parametrize(("top_k", "top_p"), [(2, 1.0), (0, 0.5)])
def test_ties_are_cut_as_transformers_cuts_them(top_k: int, top_p: float) -> None:
    logits, seen = torch.zeros(4), torch.zeros(4, dtype=torch.bool)
    ours = distribution(logits[None], *(torch.tensor([[value]]) for value in (1.0, top_k, top_p)))[0]
    theirs = upstream(logits, seen, params(temperature=1.0, top_k=top_k, top_p=top_p, repetition_penalty=1.0))
    assert torch.equal(ours, theirs)


def test_rows_with_different_settings_do_not_touch_each_other() -> None:
    logits = torch.randn(3, CODES, generator=torch.Generator().manual_seed(1)) * 4
    rows = [(0.3, 0, 1.0), (1.5, 5, 0.4), (0.9, 1026, 0.99)]
    together = distribution(logits, *(torch.tensor(column)[:, None] for column in zip(*rows, strict=True)))
    for row, values in enumerate(rows):
        alone = distribution(logits[row : row + 1], *(torch.tensor([[value]]) for value in values))
        assert torch.equal(together[row], alone[0])


def test_penalty_counts_the_placeholder_and_start_codes_from_the_first_step() -> None:
    logits = torch.zeros(1, CODES)
    logits[0, [1, 1024]] = 4.0
    logits[0, 500] = 3.0
    sampler = Sampler(1, CODES, (1, 1024), CPU)
    sampler.seat(0, params(temperature=0.0))
    assert sampler.draw(logits, torch.tensor([0])).tolist() == [500]


def test_penalty_counts_what_was_drawn_and_forgets_it_with_the_sequence() -> None:
    logits = torch.zeros(1, CODES)
    logits[0, 10], logits[0, 20] = 4.0, 3.0
    sampler = Sampler(1, CODES, (1, 1024), CPU)
    slot = torch.tensor([0])
    sampler.seat(0, params(temperature=0.0))
    assert [sampler.draw(logits, slot).item() for _ in range(2)] == [10, 20]
    sampler.seat(0, params(temperature=0.0))
    assert sampler.draw(logits, slot).item() == 10


def test_draws_follow_the_distribution() -> None:
    logits = torch.log(torch.tensor([[0.5, 0.3, 0.2, 1e-9]]))
    draws = 20_000
    sampler = Sampler(draws, 4, (), CPU)
    for slot in range(draws):
        sampler.seat(slot, params(temperature=1.0, top_k=0, top_p=1.0, repetition_penalty=1.0, stream=slot))
    codes = sampler.draw(logits.expand(draws, 4), torch.arange(draws))
    shares = torch.bincount(codes, minlength=4) / draws
    assert torch.allclose(shares, torch.tensor([0.5, 0.3, 0.2, 0.0]), atol=0.015)


@pytest.mark.parametrize("poison", [float("nan"), float("inf"), -float("inf")])
def test_a_row_that_is_not_finite_is_marked_and_spoils_no_other(poison: float) -> None:
    logits = torch.randn(2, CODES, generator=torch.Generator().manual_seed(2))
    sampler = Sampler(2, CODES, (1, 1024), CPU)
    for slot in range(2):
        sampler.seat(slot, params(stream=5))
    expected = sampler.draw(logits, torch.arange(2)).tolist()
    for slot in range(2):
        sampler.seat(slot, params(stream=5))
    logits[0, 3] = poison
    codes = sampler.draw(logits, torch.arange(2)).tolist()
    assert codes == [NOT_FINITE, expected[1]]


@given(seed=st.integers(0, 2**32 - 1), piece=st.integers(0, 1000))
@settings(max_examples=50)
def test_streams_of_pieces_and_seeds_differ(seed: int, piece: int) -> None:
    assert stream_of(seed, 0) == seed
    assert stream_of(seed, piece + 1) not in (stream_of(seed, piece), stream_of((seed + 1) % 2**32, piece))
    assert stream_of(seed, piece) < 2**63


def test_uniform_is_a_function_of_stream_and_step_and_looks_random() -> None:
    streams, steps = torch.arange(300)[:, None], torch.arange(300)[None]
    values = uniform(streams.expand(300, 300).flatten(), steps.expand(300, 300).flatten())
    assert torch.equal(values[:300], uniform(torch.zeros(300, dtype=torch.int64), torch.arange(300)))
    assert values.min() >= 0
    assert values.max() < 1
    grid = values.reshape(300, 300).numpy()
    counts, _ = np.histogram(grid, bins=20, range=(0, 1))
    assert np.abs(counts / grid.size - 0.05).max() < 0.004
    for one, other in ((grid[:-1], grid[1:]), (grid[:, :-1], grid[:, 1:])):  # neighbouring streams, neighbouring steps
        assert abs(np.corrcoef(one.ravel(), other.ravel())[0, 1]) < 0.02


GOLDEN = 0x9E3779B97F4A7C15


def splitmix64(state: int) -> int:
    """The number that it gives in a state, as published; the next state is GOLDEN further on."""
    z = (state + GOLDEN) % 2**64
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 % 2**64
    z = (z ^ z >> 27) * 0x94D049BB133111EB % 2**64
    return z ^ z >> 31


@pytest.mark.parametrize("stream", [0, 7, stream_of(2**32 - 1, 1000)])
def test_a_seed_draws_the_same_numbers_in_every_version(stream: int) -> None:
    """Else what is said with a seed that somebody noted down would be said otherwise."""
    assert splitmix64(0) == 0xE220A8397B1DCDAF  # the published answer
    states = [splitmix64(stream) + step * GOLDEN for step in range(20)]
    expected = [(splitmix64(state) >> 11) / 2**53 for state in states]
    assert uniform(torch.full((20,), stream), torch.arange(20)).tolist() == expected


def test_every_step_draws_anew_and_a_new_sequence_from_the_start() -> None:
    logits = torch.zeros(1, 1000)
    sampler, slot = Sampler(1, 1000, (), CPU), torch.tensor([0])

    def draws(stream: int) -> list[int]:
        sampler.seat(0, params(temperature=1.0, top_k=0, top_p=1.0, repetition_penalty=1.0, stream=stream))
        return [int(sampler.draw(logits, slot)) for _ in range(40)]

    first = draws(7)
    assert len(set(first)) > 30
    marks = uniform(torch.full((40,), 7), torch.arange(40)) * 1000
    assert [int(mark) for mark in marks] == first  # a flat distribution: the number is the code
    assert draws(7) == first
    assert draws(8) != first
