"""The codes: k-means over four stacked envelopes, from which the speaker's mean is taken."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from training.features import FLOOR, FRAMES_PER_CODE, cepstra, targets
from training.plan import Plan
from training.shards import Shard, load_shard

CODES = 1024
COEFFICIENTS = 16  # of the envelope: pitch ends up in none of them
_LEVEL_WEIGHT = 0.5
NEIGHBOURS = 8
_ROUNDS, _SAMPLES = 25, 250_000


def vectors(shard: Shard) -> list[Tensor]:
    """(codes, 4 x COEFFICIENTS) of each utterance."""
    frames = [cepstra(utterance.mel)[:, :COEFFICIENTS] for utterance in shard.utterances]
    means = speaker_means(shard, frames)
    weights = torch.ones(COEFFICIENTS)
    weights[0] = _LEVEL_WEIGHT
    return [
        (without_speaker(rows, means[utterance.who]) * weights)[
            : len(rows) // FRAMES_PER_CODE * FRAMES_PER_CODE
        ].reshape(-1, FRAMES_PER_CODE * COEFFICIENTS)
        for utterance, rows in zip(shard.utterances, frames, strict=True)
    ]


def speaker_means(shard: Shard, frames: list[Tensor]) -> dict[int, Tensor]:
    """Over the frames in which something sounds."""
    means = {}
    for who in {utterance.who for utterance in shard.utterances}:
        mine = torch.cat(
            [rows for utterance, rows in zip(shard.utterances, frames, strict=True) if utterance.who == who]
        )
        sounding = mine[mine[:, 0] > mine[:, 0].min() + 15]  # 15: of a level that spans 60 and more
        means[who] = sounding.mean(0)
    return means


def without_speaker(rows: Tensor, mean: Tensor) -> Tensor:
    """Less of the mean where less sounds, so that silence is the same of everybody."""
    silence = FLOOR * 80**0.5
    sounding = ((rows[:, :1] - silence) / (mean[0] - silence)).clamp(0, 1)
    return rows - sounding * mean


@dataclass(frozen=True, slots=True)
class Codebook:
    """The centres, and the scale of what is told of codes (features.py `targets`)."""

    centres: Tensor  # (CODES, FRAMES_PER_CODE x COEFFICIENTS)
    mean: Tensor  # (TARGETS,)
    spread: Tensor
    silence: Tensor  # what is told of a silent code

    def assign(self, points: Tensor) -> Tensor:
        """The nearest centre of each."""
        half = self.centres.square().sum(1) / 2
        return torch.cat([(part @ self.centres.T - half).argmax(1) for part in torch.split(points, 8192)])

    def neighbours(self) -> Tensor:
        """(CODES, NEIGHBOURS): the codes nearest to each, which sound much like it."""
        return torch.cdist(self.centres, self.centres).topk(NEIGHBOURS + 1, largest=False).indices[:, 1:]

    def normalise(self, told: Tensor) -> Tensor:
        return (told - self.mean) / self.spread


def train_codebook(plan: Plan) -> None:
    """A codebook that was kept is taken: the weights that were kept with it know no other."""
    kept = plan.kept / "codebook.safetensors" if plan.kept else None
    if kept and kept.exists():
        shutil.copy(kept, plan.work)
        return
    torch.manual_seed(0)
    shards = [load_shard(path) for path in plan.shards[: plan.codebook_shards]]
    points = torch.cat([rows for shard in shards for rows in vectors(shard)])
    points = points[torch.randperm(len(points))[:_SAMPLES]]
    told = torch.cat([targets(utterance.mel, utterance.f0) for utterance in shards[0].utterances])
    silence = told[told[:, 0] <= told[:, 0].quantile(0.02)].mean(0)
    codebook = Codebook(_cluster(points), told.mean(0), told.std(0).clamp(min=0.1), silence)
    nearest = codebook.assign(points)
    left = (points - codebook.centres[nearest]).square().sum(1).mean() / points.var(0).sum()
    commonest = torch.bincount(nearest).max() / len(points)
    print(f"codebook: {left:.3f} of the variance left; {commonest:.3f} of all codes are the commonest")
    save_file({name: getattr(codebook, name) for name in Codebook.__slots__}, plan.work / "codebook.safetensors")


def load_codebook(folder: Path) -> Codebook:
    return Codebook(**load_file(folder / "codebook.safetensors"))


def _cluster(points: Tensor) -> Tensor:
    """Lloyd's rounds from random points; a centre that loses nearly all of its points moves to a random one."""
    generator = torch.Generator().manual_seed(0)
    centres = points[torch.randperm(len(points), generator=generator)[:CODES]].clone()
    for _ in range(_ROUNDS):
        half = centres.square().sum(1) / 2
        nearest = torch.cat([(part @ centres.T - half).argmax(1) for part in torch.split(points, 8192)])
        counts = torch.bincount(nearest, minlength=CODES)
        centres = torch.zeros_like(centres).index_add_(0, nearest, points) / counts.clamp(min=1)[:, None]
        lost = torch.nonzero(counts < 5)[:, 0]
        centres[lost] = points[torch.randint(len(points), (len(lost),), generator=generator)]
    return centres
