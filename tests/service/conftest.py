from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.service.server import ROOT, Server, serving


@pytest.fixture(scope="session")
def cache_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One cache for all servers: the demo checkpoint is made once."""
    return tmp_path_factory.mktemp("cache")


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
        "XTTS_MAX_TEXT": "3000",
    }
    with serving(tmp_path_factory.mktemp("small-server"), environ) as running:
        yield running
