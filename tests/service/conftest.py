from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.service.server import LOCKED_KEY, ROOT, Server, serving, warm_cache

if TYPE_CHECKING:
    from tests.service.cluster import Cluster


@pytest.fixture(scope="session")
def cache_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One cache for all servers."""
    return warm_cache(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory, cache_dir: Path) -> Iterator[Server]:
    """The project as it comes, on the demo checkpoint."""
    environ = {"XTTS_CACHE_DIR": str(cache_dir), "XTTS_VOICES_DIR": str(ROOT / "references"), "XTTS_SLOTS": "8"}
    with serving(tmp_path_factory.mktemp("server"), environ) as running:
        yield running


@pytest.fixture(scope="session")
def small_server(tmp_path_factory: pytest.TempPathFactory, cache_dir: Path) -> Iterator[Server]:
    """One slot, a short queue, a short deadline and a small body limit: what is refused, is refused here."""
    environ = {
        "XTTS_CACHE_DIR": str(cache_dir),
        "XTTS_SLOTS": "1",
        "XTTS_MAX_WAITING": "2",
        "XTTS_TIMEOUT": "12",
        "XTTS_MAX_BODY": "20000",
        "XTTS_MAX_TEXT": "15000",
    }
    with serving(tmp_path_factory.mktemp("small-server"), environ) as running:
        yield running


@pytest.fixture(scope="session")
def locked(tmp_path_factory: pytest.TempPathFactory, cache_dir: Path) -> Iterator[Server]:
    """It takes a key, even for lists, and has no other servers' routes; its metrics are open. Two slots."""
    environ = {
        "XTTS_CACHE_DIR": str(cache_dir),
        "XTTS_VOICES_DIR": str(ROOT / "references"),
        "XTTS_SLOTS": "2",
        "XTTS_API_KEYS": LOCKED_KEY,
        "XTTS_COMPATIBLE": "off",
        "XTTS_PUBLIC_LISTS": "off",
        "XTTS_METRICS": "open",
    }
    with serving(tmp_path_factory.mktemp("locked"), environ) as running:
        yield running


@pytest.fixture(scope="session")
def prefixed(tmp_path_factory: pytest.TempPathFactory, cache_dir: Path) -> Iterator[Server]:
    """It is told that a proxy puts it at /silent."""
    environ = {
        "XTTS_CACHE_DIR": str(cache_dir),
        "XTTS_VOICES_DIR": str(ROOT / "references"),
        "XTTS_ROOT_PATH": "/silent",
        "XTTS_SLOTS": "8",
    }
    with serving(tmp_path_factory.mktemp("prefixed"), environ) as running:
        yield running


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator["Cluster"]:
    """Two servers that share a bucket and a database. The tests of jobs, which come last, restart and kill them."""
    from tests.service.cluster import clustered  # brings in moto

    with clustered(tmp_path_factory.mktemp) as running:
        yield running
