"""The optimizer Muon (Jordan et al., 2024). Torch's own always computes in bfloat16, which many CPUs are slow at."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

_COEFFICIENTS = (3.4445, -4.7750, 2.0315)
_ROUNDS = 5


class Muon(torch.optim.Optimizer):
    """For matrices. A step changes an element by 0.2 of the rate on average, about as Adam does.

    `products`: what matrices are multiplied in."""

    def __init__(self, matrices: Iterable[nn.Parameter], lr: float, products: torch.dtype = torch.float32) -> None:
        super().__init__(matrices, {"lr": lr, "momentum": 0.95})
        self._products = products

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            for matrix in group["params"]:
                mean = self.state[matrix].setdefault("momentum", torch.zeros_like(matrix))
                mean.lerp_(matrix.grad, 1 - group["momentum"])
                direction = orthogonal(torch.lerp(matrix.grad, mean, group["momentum"]), self._products)
                matrix.add_(direction, alpha=-0.2 * group["lr"] * max(matrix.shape) ** 0.5)


def orthogonal(matrix: Tensor, products: torch.dtype = torch.float32) -> Tensor:
    """About the nearest matrix of orthonormal rows or columns: Newton and Schulz's iteration."""
    if matrix.shape[0] > matrix.shape[1]:
        return orthogonal(matrix.T, products).T
    x = (matrix / matrix.norm().clamp(min=1e-12)).to(products)
    a, b, c = _COEFFICIENTS
    for _ in range(_ROUNDS):
        gram = x @ x.T
        x = torch.addmm(x, torch.addmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.to(matrix.dtype)
