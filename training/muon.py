"""The optimizer Muon (Jordan et al., 2024) in float32: torch's own computes in bfloat16, which CPUs are slow at."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

_COEFFICIENTS = (3.4445, -4.7750, 2.0315)
_ROUNDS = 5


class Muon(torch.optim.Optimizer):
    """For matrices. A step changes an element by 0.2 of the rate on average, about as Adam does."""

    def __init__(self, matrices: Iterable[nn.Parameter], lr: float, momentum: float = 0.95) -> None:
        super().__init__(matrices, {"lr": lr, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            for matrix in group["params"]:
                mean = self.state[matrix].setdefault("momentum", torch.zeros_like(matrix))
                mean.lerp_(matrix.grad, 1 - group["momentum"])
                direction = orthogonal(torch.lerp(matrix.grad, mean, group["momentum"]))
                matrix.add_(direction, alpha=-0.2 * group["lr"] * max(matrix.shape) ** 0.5)


def orthogonal(matrix: Tensor) -> Tensor:
    """About the nearest matrix of orthonormal rows or columns: Newton and Schulz's iteration on the smaller Gram
    matrix alone, since every round is a polynomial of it."""
    if matrix.shape[0] > matrix.shape[1]:
        return orthogonal(matrix.T).T
    matrix = matrix / matrix.norm().clamp(min=1e-12)
    gram = matrix @ matrix.T
    whole = torch.eye(len(gram), device=gram.device)
    a, b, c = _COEFFICIENTS
    for _ in range(_ROUNDS):
        factor = torch.addmm(b * gram, gram, gram, alpha=c)
        factor.diagonal().add_(a)
        whole = factor @ whole
        gram = factor @ gram @ factor
    return whole @ matrix
