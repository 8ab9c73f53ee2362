"""How much of everything, and where it is kept."""

from dataclasses import dataclass
from pathlib import Path

import torch

from runners.demo import WEIGHTS


@dataclass(frozen=True, slots=True)
class Plan:
    work: Path  # the folder that all is kept in; every step resumes from what it finds there
    kept: Path | None = WEIGHTS  # weights that training goes on from; None: from nothing
    sources: Path = Path("/")  # where Debian's packages of words and texts are unpacked
    shard_count: int = 232  # of 240 utterances, 15 minutes of speech
    audio_shards: int = 16  # of them with samples, for the vocoder and the speaker encoder
    codebook_shards: int = 8
    gpt_steps: int = 12_700
    speaker_steps: int = 500
    vocoder_steps: int = 16_500
    tuning_steps: int = 600  # of the vocoder, on the GPT's own latents

    @property
    def device(self) -> str:
        return "cuda" if torch.cuda.is_available() else "cpu"

    @property
    def products(self) -> torch.dtype:
        """What matrices are multiplied in: bfloat16 where that is quick, on GPUs and on CPUs with AMX."""
        quick = self.device == "cuda" or torch.cpu.get_capabilities().get("amx_bf16", False)
        return torch.bfloat16 if quick else torch.float32

    def autocast(self) -> torch.autocast:
        return torch.autocast(self.device, torch.bfloat16, enabled=self.products is torch.bfloat16)

    @property
    def shards(self) -> list[Path]:
        """Those there are; the first is held out of all training."""
        return sorted(self.work.glob("shard-*.npz"))
