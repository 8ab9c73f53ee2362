"""What two engines are asked and what is measured of them, in the same words for both."""

import logging
import re
from collections.abc import Iterable
from collections.abc import Sequence as Items
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn
from TTS.tts.layers.xtts.tokenizer import VoiceBpeTokenizer

from benchmarks.texts import LANGUAGE
from benchmarks.xtts import PREFIX
from runners.cpu import cores
from runners.xtts.checkpoint import choose_device


@dataclass(frozen=True, slots=True)
class Job:
    texts: Items[str]  # all at once; upstream takes them one by one
    codes: int  # that each of them lasts
    seed: int
    profile: bool  # time the stages too


@dataclass(frozen=True, slots=True)
class Profile:
    """Where the time of one job went, in seconds."""

    seconds: float  # altogether
    prefill: float  # of all texts
    step: float  # a decode step, its draw included; the median (ours) or mean (upstream) of the job's
    step_bytes: int  # that a step has to read, halfway through the utterances
    vocoder: float  # all of it

    @property
    def vocoder_share(self) -> float:
        return self.vocoder / self.seconds


@dataclass(frozen=True, slots=True)
class Take:
    """One job's measurements."""

    seconds: float  # from the request to the last sample
    audio: float  # seconds of sound
    first: tuple[float, ...]  # seconds from the request to the first samples of each text; ours: of streams, apart
    memory: int  # bytes, see `peak_memory`
    profile: Profile | None

    @property
    def speed(self) -> float:
        """Seconds of audio a second."""
        return self.audio / self.seconds


def settle(device_name: str) -> torch.device:
    """Make the process as quick as it can be, and quiet."""
    logging.disable(logging.WARNING)
    torch.set_num_threads(cores())
    return choose_device(device_name, 0, torch.cuda.device_count())


def bytes_of_step(gpt: Any, lengths: Items[int]) -> int:
    """What a decode step of upstream's modules has to read: the weights once, and the cache of `lengths` positions."""
    parts: Iterable[nn.Module] = (*gpt.gpt.h, gpt.gpt.ln_f, gpt.final_norm, gpt.mel_head)
    weights = sum(tensor.nbytes for part in parts for tensor in part.parameters())
    position = 2 * len(gpt.gpt.h) * gpt.model_dim * gpt.mel_head.weight.element_size()
    return weights + sum(lengths) * position


def peak_memory(device: torch.device) -> int:
    """Bytes: the most that was resident (CPU) or allocated on the device (CUDA) since `reset_peak`."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(found[1]) * 1024 if found else 0


def reset_peak(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        return
    with suppress(OSError):  # some containers forbid it: the peak is then that of the whole life
        Path("/proc/self/clear_refs").write_text("5")  # 5: peak of the resident set, see proc(5)


def halfway(tokenizer: VoiceBpeTokenizer, job: Job) -> list[int]:
    """Positions in each text's cache when half of its codes are there."""
    return [PREFIX + len(tokenizer.encode(text.lower(), lang=LANGUAGE)) + job.codes // 2 for text in job.texts]
