import os
from pathlib import Path

import pytest
from limits import RateLimitItemPerHour, RateLimitItemPerMinute

from api.auth.keys import read_keys
from api.config import ServerConfig
from runners.errors import ConfigurationError

ROOT = Path(__file__).resolve().parent.parent.parent


def test_defaults():
    data = Path.home() / ".local" / "share" / "xtts-bento"
    assert ServerConfig.from_env({}) == ServerConfig(
        voices_dir=ROOT / "references",
        data_dir=data,
        default_language="en",
        database="",
        webhooks=(),
        webhook_secret=b"",
        max_text=10_000,
        max_job_text=1_000_000,
        max_body=8_388_608,
        timeout=300.0,
        api_keys=(),
        open_metrics=False,
        log_format="auto",
        rate_limit=None,
        character_limit=None,
        rate_limit_store="memory",
        trusted_proxies=(),
        cors_origins=(),
        lexicon=None,
        openai_voices={},
        strict_models=False,
        compatible=True,
        public_lists=True,
        root_path="",
    )
    assert ServerConfig.from_env({}).uploads_dir == data / "voices"


def test_data_follow_the_users_own_base_directory():
    assert ServerConfig.from_env({"XDG_DATA_HOME": "/srv"}).data_dir == Path("/srv/xtts-bento")
    assert ServerConfig.from_env({"XDG_DATA_HOME": "srv"}) == ServerConfig.from_env({})  # a relative one does not count


def test_data_in_a_bucket_leave_what_only_this_machine_needs_in_the_cache():
    config = ServerConfig.from_env({"XTTS_DATA_DIR": "s3://bucket/prefix/", "XTTS_CACHE_DIR": "/srv/cache"})
    assert (config.bucket, config.data_dir) == ("s3://bucket/prefix", Path("/srv/cache/data"))


def test_default_voices_do_not_depend_on_the_working_directory(tmp_path: Path):
    home = Path.cwd()
    os.chdir(tmp_path)
    try:
        assert ServerConfig.from_env({}).voices_dir == ROOT / "references"
    finally:
        os.chdir(home)


def test_every_variable_reaches_its_field(tmp_path: Path):
    lexicon = tmp_path / "lexicon.yaml"
    lexicon.write_text("SQL: sequel\n")
    config = ServerConfig.from_env(
        {
            "XTTS_VOICES_DIR": "/usr",
            "XTTS_DATA_DIR": "/srv/data",
            "XTTS_DEFAULT_LANGUAGE": "zh-cn",
            "XTTS_DATABASE": "postgres://tester@db/jobs",
            "XTTS_WEBHOOKS": "https://Hooks.example.com, http://n8n:5678",
            "XTTS_WEBHOOK_SECRET": "whsec_" + "c2VjcmV0" * 4,
            "XTTS_MAX_TEXT": "500",
            "XTTS_MAX_JOB_TEXT": "900",
            "XTTS_MAX_BODY": "4096",
            "XTTS_TIMEOUT": "2.5",
            "XTTS_API_KEYS": "open-sesame",
            "XTTS_METRICS": "open",
            "XTTS_LOG_FORMAT": "json",
            "XTTS_RATE_LIMIT": "60/minute",
            "XTTS_CHARACTER_LIMIT": "1000/2 hours",
            "XTTS_RATE_LIMIT_STORE": "redis://cache/1",
            "XTTS_TRUSTED_PROXIES": "10.0.0.0/8,192.0.2.7",
            "XTTS_CORS_ORIGINS": "https://a.example.com, http://localhost:5173",
            "XTTS_LEXICON": str(lexicon),
            "XTTS_OPENAI_MODELS": "strict",
            "XTTS_COMPATIBLE": "off",
            "XTTS_PUBLIC_LISTS": "off",
            "XTTS_ROOT_PATH": "/speech/",
            "XTTS_OPENAI_VOICES": "alloy = anna, nova=eva",
        }
    )
    assert config == ServerConfig(
        voices_dir=Path("/usr"),
        data_dir=Path("/srv/data"),
        default_language="zh-cn",
        database="postgresql://tester@db/jobs",
        webhooks=("https://hooks.example.com", "http://n8n:5678"),
        webhook_secret=b"secret" * 4,
        max_text=500,
        max_job_text=900,
        max_body=4096,
        timeout=2.5,
        api_keys=read_keys("open-sesame"),
        open_metrics=True,
        log_format="json",
        rate_limit=RateLimitItemPerMinute(60),
        character_limit=RateLimitItemPerHour(1000, 2),
        rate_limit_store="redis://cache/1",
        trusted_proxies=("10.0.0.0/8", "192.0.2.7/32"),
        cors_origins=("https://a.example.com", "http://localhost:5173"),
        lexicon=lexicon,
        openai_voices={"alloy": "anna", "nova": "eva"},
        strict_models=True,
        compatible=False,
        public_lists=False,
        root_path="/speech",
    )


@pytest.mark.parametrize(
    ("name", "value", "right"),
    [
        ("XTTS_DEFAULT_LANGUAGE", "auto", "a language code"),
        ("XTTS_DATA_DIR", "s4://bucket/prefix", "a folder, or a bucket and"),
        ("XTTS_DATA_DIR", "s3://", "a folder, or a bucket and"),
        ("XTTS_DATA_DIR", "https://bucket.example.com/prefix", "a folder, or a bucket and"),
        ("XTTS_DATA_DIR", "memory://bucket", "a folder, or a bucket and"),
        ("XTTS_DEFAULT_LANGUAGE", "Hungarian", "a language code"),
        ("XTTS_MAX_TEXT", "0", "a whole number"),
        ("XTTS_MAX_BODY", "2MB", "a whole number"),
        ("XTTS_TIMEOUT", "nan", "a number of seconds"),
        ("XTTS_OPENAI_VOICES", "alloy", "pairs of OpenAI's name and ours"),
        ("XTTS_OPENAI_VOICES", "alloy=", "pairs of OpenAI's name and ours"),
        ("XTTS_RATE_LIMIT", "fast", "one limit"),
        ("XTTS_CHARACTER_LIMIT", "0/minute", "one limit"),
        ("XTTS_TRUSTED_PROXIES", "everybody", "addresses or networks"),
        ("XTTS_CORS_ORIGINS", "https://a.example.com/", ".* or origins"),
        ("XTTS_WEBHOOKS", "ftp://hooks.example.com", "origins separated by commas"),
        ("XTTS_WEBHOOKS", "https://hooks.example.com/path", "origins separated by commas"),
    ],
)
def test_wrong_value_names_the_variable_the_value_and_what_is_right(name: str, value: str, right: str):
    with pytest.raises(ConfigurationError, match=f"^{name}={value}: must be {right}"):
        ServerConfig.from_env({name: value})


@pytest.mark.parametrize(
    ("name", "value", "right"),
    [
        ("XTTS_API_KEYS", "open sesame", "keys of visible ASCII"),
        ("XTTS_API_KEYS", "@/no/such/sesame", "@ and the path"),
        ("XTTS_DATA_DIR", "s3://anna:sesame@bucket/prefix", "without a user or a password"),
        ("XTTS_RATE_LIMIT_STORE", "redis://:sesame@cache:port", "memory, or a URL"),
        ("XTTS_DATABASE", "postgresql://x:sesame@host", "the URL of a Postgres database"),
        ("XTTS_DATABASE", "mysql://x:sesame@host/jobs", "the URL of a Postgres database"),
        ("XTTS_DATABASE", "postgresql://x:sesame@host:port/jobs", "the URL of a Postgres database"),
        ("XTTS_WEBHOOK_SECRET", "sesame", "base64 of 24 to 64 bytes"),
    ],
)
def test_wrong_value_of_a_secret_is_not_shown(name: str, value: str, right: str):
    with pytest.raises(ConfigurationError, match=rf"^{name}=\*\*\*: must be {right}") as caught:
        ServerConfig.from_env({name: value})
    assert "sesame" not in str(caught.value)


def test_webhooks_need_a_secret():
    with pytest.raises(ConfigurationError, match="XTTS_WEBHOOK_SECRET=: must be set where XTTS_WEBHOOKS is"):
        ServerConfig.from_env({"XTTS_WEBHOOKS": "https://hooks.example.com"})


def test_the_configuration_shows_no_secret():
    environ = {
        "XTTS_API_KEYS": "sesame",
        "XTTS_RATE_LIMIT_STORE": "redis://:sesame@cache",
        "XTTS_DATABASE": "postgresql://x:sesame@host/jobs",
        "XTTS_WEBHOOK_SECRET": "sesame00" * 4,
    }
    config = ServerConfig.from_env(environ)
    assert "sesame" not in repr(config)
