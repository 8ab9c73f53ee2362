"""Which numbers the model is computed in. Everything that is drawn from is float32 in any case."""

from dataclasses import dataclass
from typing import Any

import torch

from runners.config import ON_CPUS, ON_GPUS
from runners.errors import ConfigurationError
from runners.xtts.int10.tile import HAS_BFLOAT16, supported


@dataclass(frozen=True, slots=True)
class Precision:
    name: str  # as an operator would ask for it
    int10: bool  # whether the transformer is the integer one, for CPUs
    transformer: torch.dtype  # of its products and its cache otherwise
    vocoder: torch.dtype


FP32 = Precision("fp32", False, torch.float32, torch.float32)


def choose_precision(name: str, device: torch.device, block: Any) -> Precision:
    """`auto`: fp16 on a GPU; on a CPU int10 where it has the instructions (AVX2) and the model the shapes, else fp32.

    `block`: the model's first transformer block. Raises ConfigurationError for what this device cannot do.
    """
    if device.type == "cuda":
        return _on_gpu(name)
    return _on_cpu(name, block)


def _on_gpu(name: str) -> Precision:
    if name == "int10":
        raise ConfigurationError(f"XTTS_PRECISION=int10: must be {ON_GPUS}")
    if name == "fp32":
        return FP32
    # bfloat16 has 8 bits of mantissa, which a vocoder's output would show.
    dtype = torch.bfloat16 if name == "bf16" else torch.float16
    return Precision("bf16" if name == "bf16" else "fp16", False, dtype, torch.float16)


def _on_cpu(name: str, block: Any) -> Precision:
    if name in ("fp16", "bf16"):
        raise ConfigurationError(f"XTTS_PRECISION={name}: must be {ON_CPUS}")
    if name == "fp32" or (name == "auto" and not supported(block)):
        return FP32
    if not supported(block):
        raise ConfigurationError(
            "XTTS_PRECISION=int10: must be auto or fp32: the CPU has no AVX2, or the heads are no multiple of 32"
        )
    return Precision("int10", True, torch.float32, torch.bfloat16 if HAS_BFLOAT16 else torch.float32)
