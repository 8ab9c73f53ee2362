"""The HTTP side's configuration, read once from the environment. The engine's own is in runners/config.py."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from urllib.parse import urlsplit

from limits import RateLimitItem

from api.auth.cors import parse_origins
from api.auth.keys import ApiKey, read_keys
from api.auth.rates import MEMORY, parse_limit, parse_store
from api.auth.security import parse_proxies
from api.paths import parse_prefix
from api.pronunciations import parse_lexicon_file
from api.webhook import parse_callable, parse_secret
from runners.config import read_data_dir, read_language
from runners.environment import Environment
from runners.logs import read_format

REFERENCES = Path(__file__).resolve().parent.parent / "references"  # beside service.py, wherever the server runs


@dataclass(frozen=True, slots=True)
class ServerConfig:
    """Each field is a row of the table in docs/configuration.md; the defaults stand there and in `from_env`."""

    voices_dir: Path  # XTTS_VOICES_DIR: absolute; a folder for every voice
    data_dir: Path  # XTTS_DATA_DIR: absolute; holds voices/ (uploads) and jobs/; servers may share it
    database: str = field(repr=False)  # XTTS_DATABASE: of the jobs, a Postgres' URL; empty: a SQLite file in data_dir
    webhooks: tuple[str, ...]  # XTTS_WEBHOOKS: origins that jobs may have called when they are over; none: no webhooks
    webhook_secret: bytes = field(repr=False)  # XTTS_WEBHOOK_SECRET: signs those calls
    default_language: str  # XTTS_DEFAULT_LANGUAGE: where neither the request nor the voice names one
    max_text: int  # XTTS_MAX_TEXT: characters a request may hold, over all its segments
    max_job_text: int  # XTTS_MAX_JOB_TEXT: characters a long job may hold, over all its samples
    max_body: int  # XTTS_MAX_BODY: bytes a request's body may have, those of a long job's text aside
    timeout: float  # XTTS_TIMEOUT: seconds a request may take, waiting included
    api_keys: tuple[ApiKey, ...]  # XTTS_API_KEYS: their hashes; none: everybody may
    open_metrics: bool  # XTTS_METRICS: `open`, they need no key; `key`, they do, like everything else
    log_format: str  # XTTS_LOG_FORMAT: one of runners.logs.FORMATS
    rate_limit: RateLimitItem | None  # XTTS_RATE_LIMIT: requests of one caller in a while
    character_limit: RateLimitItem | None  # XTTS_CHARACTER_LIMIT: characters of one caller in a while
    rate_limit_store: str = field(repr=False)  # XTTS_RATE_LIMIT_STORE: `memory`, or a Redis' URL, maybe with a password
    trusted_proxies: tuple[str, ...]  # XTTS_TRUSTED_PROXIES: addresses, networks; their X-Forwarded-For is believed
    cors_origins: tuple[str, ...]  # XTTS_CORS_ORIGINS: sites whose pages may call; none: CORS is off
    lexicon: Path | None  # XTTS_LEXICON: a YAML file of respellings by term or by language; read again when it changes
    openai_voices: Mapping[str, str]  # XTTS_OPENAI_VOICES: OpenAI's name of a voice, in small letters -> ours
    strict_models: bool  # XTTS_OPENAI_MODELS: `strict`, a model that is not listed is a 404; `any`, it is ours
    compatible: bool  # XTTS_COMPATIBLE: `on`, the routes of other XTTS servers are there too
    root_path: str  # XTTS_ROOT_PATH: what a proxy puts before this server's paths, such as /speech; else empty
    public_lists: bool  # XTTS_PUBLIC_LISTS: `on`, the lists of models and voices under /v1/ need no key
    bucket: str | None = None  # XTTS_DATA_DIR, where it is a URL: uploads are there, and data_dir is in XTTS_CACHE_DIR

    @classmethod
    def from_env(cls, environ: Mapping[str, str] = os.environ) -> "ServerConfig":
        """Raises ConfigurationError: every variable at fault, its value and what would be right."""
        env = Environment(environ)
        config = cls.read(env)
        env.check()
        return config

    @classmethod
    def read(cls, env: Environment) -> "ServerConfig":
        """`env` notes the faults."""
        data_dir, bucket = read_data_dir(env)
        config = cls(
            voices_dir=env.folder("XTTS_VOICES_DIR", str(REFERENCES), there=True),
            data_dir=data_dir,
            bucket=bucket,
            database=env.parsed("XTTS_DATABASE", "", parse_database, secret=True),
            webhooks=env.parsed("XTTS_WEBHOOKS", (), parse_callable),
            webhook_secret=env.parsed("XTTS_WEBHOOK_SECRET", b"", parse_secret, secret=True),
            default_language=read_language(env),
            max_text=env.integer("XTTS_MAX_TEXT", 10_000, 1, 10_000_000),
            max_job_text=env.integer("XTTS_MAX_JOB_TEXT", 1_000_000, 1, 100_000_000),
            max_body=env.integer("XTTS_MAX_BODY", 2**23, 1024, 2**30),
            timeout=env.seconds("XTTS_TIMEOUT", 300.0, 1.0, 86_400.0),
            api_keys=env.parsed("XTTS_API_KEYS", (), read_keys, secret=True),
            open_metrics=env.matching("XTTS_METRICS", "key", "key|open", "key or open") == "open",
            log_format=read_format(env),
            rate_limit=env.parsed("XTTS_RATE_LIMIT", None, parse_limit),
            character_limit=env.parsed("XTTS_CHARACTER_LIMIT", None, parse_limit),
            rate_limit_store=env.parsed("XTTS_RATE_LIMIT_STORE", MEMORY, parse_store, secret=True),
            trusted_proxies=env.parsed("XTTS_TRUSTED_PROXIES", (), parse_proxies),
            cors_origins=env.parsed("XTTS_CORS_ORIGINS", (), parse_origins),
            lexicon=env.parsed("XTTS_LEXICON", None, parse_lexicon_file),
            openai_voices=env.parsed("XTTS_OPENAI_VOICES", MappingProxyType({}), parse_voice_names),
            strict_models=env.matching("XTTS_OPENAI_MODELS", "any", "any|strict", "any or strict") == "strict",
            compatible=env.matching("XTTS_COMPATIBLE", "on", "on|off", "on or off") == "on",
            root_path=env.parsed("XTTS_ROOT_PATH", "", parse_prefix),
            public_lists=env.matching("XTTS_PUBLIC_LISTS", "on", "on|off", "on or off") == "on",
        )
        if config.webhooks and not config.webhook_secret:
            env.fault("XTTS_WEBHOOK_SECRET", "", "set where XTTS_WEBHOOKS is: receivers know our calls by it")
        return config

    @property
    def max_job_body(self) -> int:
        """Bytes. JSON takes up to six for a character, as in `\\u00e9`; some write it so."""
        return self.max_body + 6 * self.max_job_text

    @property
    def making_dir(self) -> Path:
        """Of what jobs are being made of, on this machine."""
        return self.data_dir / "making"

    @property
    def database_url(self) -> str:
        return self.database or f"sqlite:///{self.data_dir / 'jobs.sqlite'}"

    @property
    def visitors_dir(self) -> Path:
        """Of voices that came inside of requests."""
        return self.data_dir / "visitors"

    @property
    def uploads_dir(self) -> Path:
        return self.data_dir / "voices"


def parse_database(text: str) -> str:
    """Raises ValueError, which says what would be right and no password."""
    try:
        parsed = urlsplit(text)
        if parsed.scheme in ("postgresql", "postgres") and parsed.path.strip("/") and parsed.port != 0:
            return parsed._replace(scheme="postgresql").geturl()
    except ValueError:
        pass
    raise ValueError("the URL of a Postgres database, such as postgresql://user:password@host:5432/xtts")


def parse_voice_names(text: str) -> Mapping[str, str]:
    """`alloy=anna,nova=eva`. Raises ValueError, which says what would be right."""
    pairs = [[side.strip() for side in pair.split("=")] for pair in text.split(",") if pair.strip()]
    if any(len(pair) != 2 or not all(pair) for pair in pairs):
        raise ValueError("pairs of OpenAI's name and ours, separated by commas, such as alloy=anna,nova=eva")
    return MappingProxyType({theirs.lower(): ours for theirs, ours in pairs})
