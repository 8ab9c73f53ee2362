"""A voice as the model knows it: two tensors, and how several blend into one. Knows no clips and no files."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class LatentShapes:
    """What a checkpoint's latents look like: a fine-tuned one may have other widths."""

    gpt_cond_latent: tuple[int, ...]
    speaker_embedding: tuple[int, ...]

    def __str__(self) -> str:
        return f"gpt_cond_latent {list(self.gpt_cond_latent)} and speaker_embedding {list(self.speaker_embedding)}"


@dataclass(frozen=True, slots=True, eq=False)
class Latents:
    """Float32, contiguous, on the CPU. A value: shared between requests and threads, so never written to."""

    gpt_cond_latent: Tensor  # (1, 32, dim)
    speaker_embedding: Tensor  # (1, 512, 1)

    @property
    def shapes(self) -> LatentShapes:
        return LatentShapes(tuple(self.gpt_cond_latent.shape), tuple(self.speaker_embedding.shape))

    @property
    def finite(self) -> bool:
        return bool(self.gpt_cond_latent.isfinite().all() and self.speaker_embedding.isfinite().all())


def blend(parts: Sequence[tuple[Latents, float]]) -> Latents:
    """The weighted mean of at least one part. Weights are > 0, of any sum; one part comes back as it is.

    Upstream takes one mean over the chunks of all its references; here every reference has its own mean
    first, so that a long clip does not drown a short one. The two agree for equal weights and references of
    equally many chunks. The speaker embedding is a plain mean, as upstream's: it is not brought back to unit
    length.
    """
    total = sum(weight for _, weight in parts)
    return Latents(
        gpt_cond_latent=_sum([latents.gpt_cond_latent * (weight / total) for latents, weight in parts]),
        speaker_embedding=_sum([latents.speaker_embedding * (weight / total) for latents, weight in parts]),
    )


def _sum(tensors: list[Tensor]) -> Tensor:
    return torch.stack(tensors).sum(dim=0)
