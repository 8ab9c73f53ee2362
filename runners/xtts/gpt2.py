"""GPT-2's blocks: the weights of upstream's (transformers' GPT2Block) under upstream's names.

`transformer.py` and `int10/` compute with them. Upstream's own would import transformers, whose import takes several
seconds and 150 MB.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Affine(nn.Module):
    """A linear layer whose weight is (in, out), as GPT-2 has them."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(inputs, outputs))
        self.bias = nn.Parameter(torch.empty(outputs))

    def forward(self, x: Tensor) -> Tensor:
        return torch.addmm(self.bias, x.flatten(0, -2), self.weight).view(*x.shape[:-1], -1)


class Attention(nn.Module):
    """The projections alone."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.num_heads, self.head_dim = heads, dim // heads
        self.c_attn = Affine(dim, 3 * dim)  # query, key, value
        self.c_proj = Affine(dim, dim)


class MLP(nn.Module):
    def __init__(self, dim: int) -> None:
        super().__init__()
        self.c_fc = Affine(dim, 4 * dim)
        self.c_proj = Affine(4 * dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        projected: Tensor = self.c_proj(F.gelu(self.c_fc(x), approximate="tanh"))
        return projected


class Block(nn.Module):
    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.ln_1 = nn.LayerNorm(dim)
        self.attn = Attention(dim, heads)
        self.ln_2 = nn.LayerNorm(dim)
        self.mlp = MLP(dim)


class Blocks(nn.Module):
    def __init__(self, layers: int, dim: int, heads: int) -> None:
        super().__init__()
        self.h = nn.ModuleList(Block(dim, heads) for _ in range(layers))
        self.ln_f = nn.LayerNorm(dim)
