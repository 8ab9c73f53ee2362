"""The engine's configuration, read once from the environment. Knows no HTTP and imports no torch."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import fsspec

from runners.environment import Environment
from runners.logs import read_format

NO_BUCKETS = ("data", "file", "hf", "http", "https", "local", "memory")  # of what fsspec opens
PRECISIONS = ("auto", "fp32", "int10", "fp16", "bf16")
ON_CPUS = "auto, int10 or fp32 on a CPU"
ON_GPUS = "auto, fp16, bf16 or fp32 on a GPU"


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
    default_language: str  # XTTS_DEFAULT_LANGUAGE: the language of requests and voices that name none
    tos_agreed: bool  # COQUI_TOS_AGREED: the operator has read and accepted the weights' licence (CPML)
    bucket: str | None = None  # XTTS_DATA_DIR, where it is a URL; else None

    @classmethod
    def from_env(cls, environ: Mapping[str, str] = os.environ) -> "EngineConfig":
        """Raises ConfigurationError: every variable at fault, its value and what would be right."""
        env = Environment(environ)
        config = cls.read(env)
        env.check()
        return config

    @classmethod
    def read(cls, env: Environment) -> "EngineConfig":
        """`env` notes the faults."""
        config = cls(
            model=env.text("XTTS_MODEL", "demo"),
            device=env.matching("XTTS_DEVICE", "auto", r"auto|cpu|cuda(:\d+)?", "auto, cpu, cuda or cuda:N"),
            precision=env.matching("XTTS_PRECISION", "auto", "|".join(PRECISIONS), ", ".join(PRECISIONS)),
            slots=env.integer_or_auto("XTTS_SLOTS", 1, 512),
            reserved_slots=env.integer_or_auto("XTTS_RESERVED_SLOTS", 0, 512),
            max_waiting=env.integer("XTTS_MAX_WAITING", 256, 1, 1_000_000),
            workers=env.integer("XTTS_WORKERS", 1, 1, 64),
            cache_dir=read_cache_dir(env),
            bucket=read_data_dir(env)[1],
            latents_in_memory=env.integer("XTTS_LATENTS_IN_MEMORY", 256, 1, 1_000_000),
            log_format=read_format(env),
            default_language=read_language(env),
            tos_agreed=env.matching("COQUI_TOS_AGREED", "0", "0|1", "1, once you have read and accept the CPML") == "1",
        )
        if config.workers > 1 and config.device.startswith("cuda:"):
            advice = f"1 with XTTS_DEVICE={config.device}; XTTS_DEVICE=cuda gives each worker its own"
            env.fault("XTTS_WORKERS", config.workers, advice)
        if config.device.startswith("cuda") and config.precision == "int10":
            env.fault("XTTS_PRECISION", config.precision, ON_GPUS)
        if config.device == "cpu" and config.precision in ("fp16", "bf16"):
            env.fault("XTTS_PRECISION", config.precision, ON_CPUS)
        if config.slots is not None and (config.reserved_slots or 0) >= config.slots:
            env.fault("XTTS_RESERVED_SLOTS", config.reserved_slots, _fewer(config.slots))
        return config

    @property
    def latents_dir(self) -> Path:
        return self.cache_dir / "latents"

    @property
    def kernels_dir(self) -> Path:
        return self.cache_dir / "kernels"

    def check_model(self, languages: Sequence[str], slots: int) -> None:
        """What can be known only once the model is loaded. Raises ConfigurationError."""
        env = Environment({})
        if _language(self.default_language) not in map(_language, languages):
            env.fault("XTTS_DEFAULT_LANGUAGE", self.default_language, f"one that the model has: {', '.join(languages)}")
        if (self.reserved_slots or 0) >= slots:
            env.fault("XTTS_RESERVED_SLOTS", self.reserved_slots, _fewer(slots))
        env.check()


def read_cache_dir(env: Environment) -> Path:
    return env.folder("XTTS_CACHE_DIR", f"{env.home('XDG_CACHE_HOME', '~/.cache')}/xtts-bento")


def read_data_dir(env: Environment) -> tuple[Path, str | None]:
    """A folder, and the URL of a bucket where it is one: then the folder is for what this machine alone needs."""
    value = env.text("XTTS_DATA_DIR", "")
    if "://" not in value:
        return env.folder("XTTS_DATA_DIR", f"{env.home('XDG_DATA_HOME', '~/.local/share')}/xtts-bento"), None
    return read_cache_dir(env) / "data", env.parsed("XTTS_DATA_DIR", None, parse_bucket, secret="@" in value)


def parse_bucket(url: str) -> str:
    """Raises ValueError, which says what would be right."""
    scheme, _, path = url.partition("://")
    if scheme in NO_BUCKETS or scheme not in fsspec.available_protocols() or not path.strip("/"):
        raise ValueError("a folder, or a bucket and what stands before the keys in it, such as s3://bucket/prefix")
    if "@" in path.partition("/")[0]:
        raise ValueError("without a user or a password; the store's own environment variables hold them")
    return url.rstrip("/")


def read_language(env: Environment) -> str:
    code = "a language code such as en, hu or zh-cn"
    return env.matching("XTTS_DEFAULT_LANGUAGE", "en", r"[a-z]{2,3}(-[a-z]{2,4})?", code)


def _language(code: str) -> str:
    """Its region does not count: "zh" is "zh-cn"."""
    return code.partition("-")[0]


def _fewer(slots: int) -> str:
    return f"fewer than the {slots} slots, or long jobs have none"
