"""Reads what corpus.py writes."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from training.features import HOP


@dataclass(frozen=True, slots=True)
class Utterance:
    tokens: Tensor  # int64, the language's tag first
    mel: Tensor  # (frames, 80), natural logarithms
    f0: NDArray[np.float32]  # (frames,), Hz
    audio: NDArray[np.int16]  # empty where it was not kept
    who: int  # of the shard's speakers


@dataclass(frozen=True, slots=True)
class Shard:
    utterances: list[Utterance]


def load_shard(path: Path) -> Shard:
    with np.load(path) as file:
        packed = {name: file[name] for name in file.files if name != "speakers"}
    frames, tokens = _ends(packed["mel_lengths"]), _ends(packed["tokens_lengths"])
    mel = torch.from_numpy(packed["mel"]).float()
    text = torch.from_numpy(packed["tokens"]).long()
    return Shard(
        [
            Utterance(
                text[tokens[k] : tokens[k + 1]],
                mel[frames[k] : frames[k + 1]],
                packed["f0"][frames[k] : frames[k + 1]],
                packed["audio"][frames[k] * HOP : frames[k + 1] * HOP],
                int(packed["who"][k]),
            )
            for k in range(len(packed["who"]))
        ]
    )


def _ends(lengths: NDArray[np.int64]) -> list[int]:
    ends: list[int] = np.concatenate([[0], np.cumsum(lengths)]).tolist()
    return ends
