import os
from pathlib import Path

import pytest

from api.config import ServerConfig
from runners.errors import ConfigurationError

ROOT = Path(__file__).resolve().parent.parent.parent


def test_defaults():
    data = Path.home() / ".local" / "share" / "xtts-bento"
    assert ServerConfig.from_env({}) == ServerConfig(ROOT / "references", data, "en", 10_000, 1_048_576, 300.0)
    assert ServerConfig.from_env({}).uploads_dir == data / "voices"


def test_data_follow_the_users_own_base_directory():
    assert ServerConfig.from_env({"XDG_DATA_HOME": "/srv"}).data_dir == Path("/srv/xtts-bento")
    assert ServerConfig.from_env({"XDG_DATA_HOME": "srv"}) == ServerConfig.from_env({})  # a relative one does not count


def test_default_voices_do_not_depend_on_the_working_directory(tmp_path: Path):
    home = Path.cwd()
    os.chdir(tmp_path)
    try:
        assert ServerConfig.from_env({}).voices_dir == ROOT / "references"
    finally:
        os.chdir(home)


def test_every_variable_reaches_its_field():
    config = ServerConfig.from_env(
        {
            "XTTS_VOICES_DIR": "/srv/voices",
            "XTTS_DATA_DIR": "/srv/data",
            "XTTS_DEFAULT_LANGUAGE": "zh-cn",
            "XTTS_MAX_TEXT": "500",
            "XTTS_MAX_BODY": "4096",
            "XTTS_TIMEOUT": "2.5",
        }
    )
    assert config == ServerConfig(Path("/srv/voices"), Path("/srv/data"), "zh-cn", 500, 4096, 2.5)


@pytest.mark.parametrize(
    ("name", "value", "right"),
    [
        ("XTTS_DEFAULT_LANGUAGE", "auto", "a language code"),
        ("XTTS_DEFAULT_LANGUAGE", "Hungarian", "a language code"),
        ("XTTS_MAX_TEXT", "0", "a whole number"),
        ("XTTS_MAX_BODY", "2MB", "a whole number"),
        ("XTTS_TIMEOUT", "nan", "a number of seconds"),
    ],
)
def test_wrong_value_names_the_variable_the_value_and_what_is_right(name: str, value: str, right: str):
    with pytest.raises(ConfigurationError, match=f"^{name}={value}: must be {right}"):
        ServerConfig.from_env({name: value})
