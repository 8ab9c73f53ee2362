import pytest
import torch
from torch import nn

from training.muon import Muon, orthogonal


@pytest.mark.parametrize("products", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("shape", [(16, 16), (16, 48), (48, 16)])
def test_all_directions_of_a_step_weigh_about_the_same(shape: tuple[int, int], products: torch.dtype) -> None:
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(0)) * 7
    step = orthogonal(matrix, products)
    assert step.dtype is torch.float32
    values = torch.linalg.svdvals(step)
    assert values.min() > 0.4
    assert values.max() < 1.4


def test_a_step_moves_an_element_by_a_fifth_of_the_rate_whatever_the_gradients_size() -> None:
    for size in (1e-4, 1e4):
        matrix = nn.Parameter(torch.zeros(32, 128))
        matrix.grad = torch.randn(32, 128, generator=torch.Generator().manual_seed(0)) * size
        Muon([matrix], lr=0.01).step()
        assert matrix.detach().square().mean().sqrt() == pytest.approx(0.2 * 0.01, rel=0.2)


def test_it_finds_a_matrix() -> None:
    wanted = torch.randn(8, 12, generator=torch.Generator().manual_seed(0))
    matrix = nn.Parameter(torch.zeros(8, 12))
    muon = Muon([matrix], lr=0.05)
    for _ in range(300):
        muon.zero_grad()
        (matrix - wanted).square().sum().backward()  # type: ignore[no-untyped-call]
        muon.step()
    assert (matrix - wanted).abs().max() < 0.1
