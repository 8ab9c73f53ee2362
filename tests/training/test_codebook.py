import torch

from training.codebook import COEFFICIENTS, Codebook, without_speaker
from training.features import FLOOR


def codebook(centres: torch.Tensor) -> Codebook:
    return Codebook(centres, torch.zeros(1), torch.ones(1), torch.zeros(1))


def test_a_point_is_given_the_centre_that_is_nearest() -> None:
    generator = torch.Generator().manual_seed(0)
    centres, points = torch.randn(50, 6, generator=generator), torch.randn(300, 6, generator=generator)
    nearest = torch.cdist(points, centres).argmin(1)
    assert torch.equal(codebook(centres).assign(points), nearest)


def test_two_speakers_are_silent_in_the_same_way_and_their_means_are_gone() -> None:
    silence = torch.zeros(1, COEFFICIENTS)
    silence[0, 0] = FLOOR * 80**0.5
    low, high = torch.arange(COEFFICIENTS).float(), -2 * torch.arange(COEFFICIENTS).float()
    low[0], high[0] = -20.0, -10.0
    torch.testing.assert_close(without_speaker(silence, low), without_speaker(silence, high))
    torch.testing.assert_close(without_speaker(low[None], low), without_speaker(high[None], high))
