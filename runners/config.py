"""The engine's configuration, read once from the environment. Knows no HTTP and imports no torch."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from runners.environment import Environment
from runners.logs import read_format

PRECISIONS = ("auto", "fp32", "int10", "fp16", "bf16")


@dataclass(frozen=True, slots=True)
class EngineConfig:
    """Each field is a row of the table in docs/configuration.md; the defaults stand there and in `from_env`."""

    model: str  # XTTS_MODEL: demo, a folder, a URL or a tag of the model store; see models/source.py
    device: str  # XTTS_DEVICE: auto, cpu, cuda or cuda:N
    precision: str  # XTTS_PRECISION: one of PRECISIONS; see xtts/precision.py
    slots: int | None  # XTTS_SLOTS: sequences decoded together; None = as many as suit the device, see xtts/build.py
    reserved_slots: int | None  # XTTS_RESERVED_SLOTS: those that long jobs leave vacant; None = a quarter
    max_waiting: int  # XTTS_MAX_WAITING: sequences that may wait for a slot; one more is turned away (Overloaded)
    workers: int  # XTTS_WORKERS: runner processes, each with a model and a GPU of its own
    cache_dir: Path  # XTTS_CACHE_DIR: absolute; holds models/ and latents/, may be shared by workers and replicas
    latents_in_memory: int  # XTTS_LATENTS_IN_MEMORY: reference latents kept in memory, the least used go first
    log_format: str  # XTTS_LOG_FORMAT: one of logs.FORMATS
    tos_agreed: bool  # COQUI_TOS_AGREED: the operator has read and accepted the weights' licence (CPML)

    @classmethod
    def from_env(cls, environ: Mapping[str, str] = os.environ) -> "EngineConfig":
        """Raises ConfigurationError: every variable at fault, its value and what would be right."""
        env = Environment(environ)
        config = cls(
            model=env.text("XTTS_MODEL", "demo"),
            device=env.matching("XTTS_DEVICE", "auto", r"auto|cpu|cuda(:\d+)?", "auto, cpu, cuda or cuda:N"),
            precision=env.matching("XTTS_PRECISION", "auto", "|".join(PRECISIONS), ", ".join(PRECISIONS)),
            slots=env.integer_or_auto("XTTS_SLOTS", 1, 512),
            reserved_slots=env.integer_or_auto("XTTS_RESERVED_SLOTS", 0, 512),
            max_waiting=env.integer("XTTS_MAX_WAITING", 256, 1, 1_000_000),
            workers=env.integer("XTTS_WORKERS", 1, 1, 64),
            cache_dir=env.folder("XTTS_CACHE_DIR", f"{env.home('XDG_CACHE_HOME', '~/.cache')}/xtts-bento"),
            latents_in_memory=env.integer("XTTS_LATENTS_IN_MEMORY", 256, 1, 1_000_000),
            log_format=read_format(env),
            tos_agreed=env.text("COQUI_TOS_AGREED", "") == "1",
        )
        if config.workers > 1 and config.device.startswith("cuda:"):
            advice = f"1 with XTTS_DEVICE={config.device}; XTTS_DEVICE=cuda gives each worker its own"
            env.fault("XTTS_WORKERS", config.workers, advice)
        env.check()
        return config

    @property
    def latents_dir(self) -> Path:
        return self.cache_dir / "latents"

    @property
    def kernels_dir(self) -> Path:
        return self.cache_dir / "kernels"
