from pathlib import Path

import pytest

from runners.config import EngineConfig
from runners.errors import ConfigurationError


def test_defaults():
    assert EngineConfig.from_env({}) == EngineConfig(
        model="demo",
        device="auto",
        precision="auto",
        slots=None,
        reserved_slots=None,
        max_waiting=256,
        workers=1,
        cache_dir=Path.home() / ".cache" / "xtts-bento",
        latents_in_memory=256,
        log_format="auto",
        default_language="en",
        tos_agreed=False,
    )


def test_every_variable_reaches_its_field():
    config = EngineConfig.from_env(
        {
            "XTTS_MODEL": "hf://coqui/XTTS-v2",
            "XTTS_DEVICE": "cuda",
            "XTTS_PRECISION": "bf16",
            "XTTS_SLOTS": "512",
            "XTTS_RESERVED_SLOTS": "3",
            "XTTS_MAX_WAITING": "17",
            "XTTS_WORKERS": "4",
            "XTTS_CACHE_DIR": "/srv/cache",
            "XTTS_LATENTS_IN_MEMORY": "12",
            "XTTS_LOG_FORMAT": "text",
            "XTTS_DEFAULT_LANGUAGE": "hu",
            "COQUI_TOS_AGREED": "1",
        }
    )
    cache = Path("/srv/cache")
    assert config == EngineConfig("hf://coqui/XTTS-v2", "cuda", "bf16", 512, 3, 17, 4, cache, 12, "text", "hu", True)
    assert config.latents_dir == Path("/srv/cache/latents")


def test_slots_by_device_unless_given():
    assert EngineConfig.from_env({}).slots is None
    assert EngineConfig.from_env({"XTTS_SLOTS": "auto"}).slots is None
    assert EngineConfig.from_env({"XTTS_SLOTS": "3"}).slots == 3


@pytest.mark.parametrize(
    ("name", "value", "right"),
    [
        ("XTTS_DEVICE", "gpu", "auto, cpu, cuda or cuda:N"),
        ("XTTS_DEVICE", "cuda:", "auto, cpu, cuda or cuda:N"),
        ("XTTS_PRECISION", "half", "auto, fp32, int10, fp16, bf16"),
        ("XTTS_SLOTS", "0", "auto or a whole number from 1 to 512"),
        ("XTTS_SLOTS", "513", "auto or a whole number from 1 to 512"),
        ("XTTS_MAX_WAITING", "many", "a whole number"),
        ("XTTS_WORKERS", "0", "a whole number"),
        ("XTTS_LATENTS_IN_MEMORY", "-1", "a whole number"),
    ],
)
def test_wrong_value_names_the_variable_the_value_and_what_is_right(name: str, value: str, right: str):
    with pytest.raises(ConfigurationError, match=f"^{name}={value}: must be {right}"):
        EngineConfig.from_env({name: value})


def test_two_workers_cannot_share_one_named_gpu():
    with pytest.raises(ConfigurationError, match="XTTS_WORKERS=2: must be 1 with XTTS_DEVICE=cuda:0"):
        EngineConfig.from_env({"XTTS_DEVICE": "cuda:0", "XTTS_WORKERS": "2"})
    assert EngineConfig.from_env({"XTTS_DEVICE": "cuda:3"}).device == "cuda:3"


@pytest.mark.parametrize(("device", "precision"), [("cpu", "fp16"), ("cpu", "bf16"), ("cuda:1", "int10")])
def test_a_precision_is_one_of_the_device(device: str, precision: str):
    with pytest.raises(ConfigurationError, match=f"^XTTS_PRECISION={precision}: must be auto, .* on a"):
        EngineConfig.from_env({"XTTS_DEVICE": device, "XTTS_PRECISION": precision})
    assert EngineConfig.from_env({"XTTS_PRECISION": precision}).precision == precision


def test_only_1_agrees_to_the_licence():
    for value in ("", "0"):
        assert not EngineConfig.from_env({"COQUI_TOS_AGREED": value}).tos_agreed
    for value in ("true", "yes", "11"):
        with pytest.raises(ConfigurationError, match=f"COQUI_TOS_AGREED={value}: must be 1, once you have read"):
            EngineConfig.from_env({"COQUI_TOS_AGREED": value})


def test_long_jobs_have_a_slot():
    with pytest.raises(ConfigurationError, match="XTTS_RESERVED_SLOTS=8: must be fewer than the 8 slots"):
        EngineConfig.from_env({"XTTS_SLOTS": "8", "XTTS_RESERVED_SLOTS": "8"})
    assert EngineConfig.from_env({"XTTS_SLOTS": "8", "XTTS_RESERVED_SLOTS": "7"}).reserved_slots == 7


def test_what_only_the_model_can_tell_is_checked_with_it():
    config = EngineConfig.from_env({"XTTS_RESERVED_SLOTS": "8", "XTTS_DEFAULT_LANGUAGE": "zh"})
    config.check_model(["en", "zh-cn"], 9)
    with pytest.raises(ConfigurationError) as caught:
        config.check_model(["en", "hu"], 8)
    assert str(caught.value).splitlines() == [
        "XTTS_DEFAULT_LANGUAGE=zh: must be one that the model has: en, hu",
        "XTTS_RESERVED_SLOTS=8: must be fewer than the 8 slots, or long jobs have none",
    ]


def test_cache_dir():
    def cache_dir(**environ: str) -> Path:
        return EngineConfig.from_env(environ).cache_dir

    assert cache_dir(XDG_CACHE_HOME="/var/cache") == Path("/var/cache/xtts-bento")
    assert cache_dir(XDG_CACHE_HOME="relative") == Path.home() / ".cache" / "xtts-bento"
    assert cache_dir(XDG_CACHE_HOME="/var/cache", XTTS_CACHE_DIR="~/mine") == Path.home() / "mine"
    assert cache_dir(XTTS_CACHE_DIR="here") == Path.cwd() / "here"
