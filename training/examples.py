"""What the trainings draw their batches from: the corpus in memory, with the codes of the codebook."""

import random
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
import torchaudio
from torch import Tensor

from runners.demo.layout import MEL_SCALE
from training.codebook import NEIGHBOURS, Codebook, vectors
from training.features import RATE, SILENT_MEL, STRIDE, beat, targets
from training.shards import load_shard

BATCH_POSITIONS = 3072  # of the GPT, with its padding
CONDITIONING_FRAMES = (130, 345)  # 1.5 to 4 s
OUTPUT_RATE = 24000  # Hz; the vocoder's
CODES = 1024
_FAR = 0.2  # of the wrong codes that are fed: any code; the others are neighbours of the right one


@dataclass(frozen=True, slots=True)
class Example:
    tokens: Tensor
    codes: Tensor
    told: Tensor  # (codes, TARGETS), float16
    mel: Tensor  # (frames, 80), float16
    speaker: int
    audio: Tensor  # (samples,) at 22050 Hz, int16; empty where none was kept

    @property
    def positions(self) -> int:
        """Of the GPT: a voice, the text and its two marks, the start code and the codes."""
        return len(self.tokens) + len(self.codes) + 4


@dataclass(frozen=True, slots=True)
class Batch:
    examples: list[Example]
    fed: list[Tensor]  # the codes, with a few others among them
    conditioning: Tensor  # (rows, frames, 80): log-mel as upstream scales it


class Examples:
    def __init__(self, shards: list[Path], codebook: Codebook) -> None:
        self._neighbours = codebook.neighbours()
        self.all: list[Example] = []
        self.by_speaker: dict[int, list[Example]] = {}
        for path in shards:
            shard = load_shard(path)
            for utterance, rows in zip(shard.utterances, vectors(shard), strict=True):
                example = Example(
                    utterance.tokens,
                    codebook.assign(rows),
                    targets(utterance.mel, utterance.f0).half(),
                    utterance.mel.half(),
                    int(path.stem.partition("-")[2]) * 1000 + utterance.who,
                    torch.from_numpy(utterance.audio),
                )
                self.all.append(example)
                self.by_speaker.setdefault(example.speaker, []).append(example)

    def batch(self, step: int, longest: int, *, corrupt: float, positions: int = BATCH_POSITIONS) -> Batch:
        """Utterances of about equal lengths, the first of at most `longest` codes. A share `corrupt` of the fed codes
        is wrong, as codes that were drawn may be: most of those sound much like the right ones."""
        rng = random.Random(step)
        first = self._draw(rng, longest)
        chosen = [first]
        for other in rng.choices(self.all, k=8000):
            if len(chosen) * first.positions >= positions:
                break
            if 0.9 * first.positions <= other.positions <= first.positions:
                chosen.append(other)
        return self.prepared(chosen, rng, corrupt)

    def prepared(self, chosen: list[Example], rng: random.Random, corrupt: float) -> Batch:
        frames = rng.randint(*CONDITIONING_FRAMES)
        return Batch(
            chosen,
            [self._corrupted(example.codes, corrupt, rng) for example in chosen],
            torch.stack([self._conditioning(rng, example.speaker, frames) for example in chosen]),
        )

    def _corrupted(self, codes: Tensor, share: float, rng: random.Random) -> Tensor:
        generator = torch.Generator().manual_seed(rng.getrandbits(60))
        near = self._neighbours[codes, torch.randint(NEIGHBOURS, codes.shape, generator=generator)]
        other = torch.randint(CODES, codes.shape, generator=generator)
        chance = torch.rand(len(codes), generator=generator)
        return torch.where(chance < _FAR * share, other, torch.where(chance < share, near, codes))

    def _draw(self, rng: random.Random, longest: int) -> Example:
        return next(e for e in iter(lambda: rng.choice(self.all), None) if len(e.codes) <= longest)

    def _conditioning(self, rng: random.Random, speaker: int, frames: int) -> Tensor:
        """A stretch of what the speaker says elsewhere, louder or softer."""
        said = torch.cat([rng.choice(self.by_speaker[speaker]).mel for _ in range(2)]).float()
        said = F.pad(said, (0, 0, 0, max(0, frames - len(said))), value=SILENT_MEL)
        start = rng.randint(0, len(said) - frames)
        return (said[start : start + frames] + rng.gauss(0, 0.5)).clamp(min=SILENT_MEL) / MEL_SCALE


def delayed(told: Tensor, silence: Tensor) -> Tensor:
    """(codes + 1, TARGETS). A latent knows the code that was fed, not the one that is drawn from it: so the vocoder
    speaks one code late, and the first latent is silence."""
    late = torch.cat([silence[None], told.float()])
    late[:, -2:] = beat(len(late))
    return late


def delayed_wave(audio: Tensor) -> Tensor:
    """int16 at 22050 Hz to float32 at 24 kHz, one code later."""
    return torchaudio.functional.resample(F.pad(audio.float() / 32767, (STRIDE, 0)), RATE, OUTPUT_RATE)
