"""Fixtures every test may use. The model is one that hums: small, sensitive, made on the spot."""

import gc
import os

# Before torch comes: on a busy machine two threads that wait for each other crawl.
os.environ["OMP_NUM_THREADS"] = os.environ["NUMBA_NUM_THREADS"] = "1"

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import pytest
from xdist import is_xdist_controller
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from tests.hum import KERNELS, hum_folder

if TYPE_CHECKING:  # torch and all is imported by the processes that run tests, not by the one that hands them out
    from TTS.tts.models.xtts import Xtts

    from runners.xtts.model import Model

hypothesis.settings.register_profile("patient", deadline=None)  # timings are for benchmarks
hypothesis.settings.load_profile("patient")


def pytest_sessionstart(session: pytest.Session) -> None:
    """The CPU's kernels are compiled once for every version of their sources."""
    if not is_xdist_controller(session):
        from runners.xtts.build import prepare_kernels

        prepare_kernels(KERNELS)


# Files whose tests take a server between them that no other does.
TOGETHER = {
    "tests/service/test_bucket.py": "cluster",
    "tests/service/test_shared_jobs.py": "cluster",
    "tests/service/test_openapi.py": "prefixed server",
    "tests/service/test_prefix.py": "prefixed server",
    "tests/service/test_errors.py": "small server",
    "tests/service/test_http.py": "small server",
    "tests/service/test_stream.py": "small server",
    "tests/service/test_compatible.py": "locked server",
    "tests/service/test_live.py": "locked server",
    "tests/service/test_metrics.py": "locked server",
}


class ByFile(LoadScopeScheduling):
    """A file is run by one process, and so are those that take the same server: each server is started once. (Groups by
    xdist's own mark are passed over with pytest 9.2: it writes them into an attribute that pytest reads no more.)"""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return TOGETHER.get(file, file)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> ByFile:
    return ByFile(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with servers come first, for they take longest."""
    services = Path(__file__).parent / "service"
    items.sort(key=lambda item: item.path.parent != services)


def pytest_collection_finish() -> None:
    """What all the imports have made stays: no collection need look at it again, half a second each."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="module", autouse=True)
def _memory_given_back() -> Iterator[None]:
    """Else what torch and glibc keep of every module adds up to gigabytes."""
    yield
    from runners.xtts.build import give_memory_back

    give_memory_back()


@pytest.fixture(scope="session")
def hum() -> Path:
    """The test checkpoint's folder. Read it, do not write to it."""
    return hum_folder()


@pytest.fixture(scope="session")
def xtts(hum: Path) -> "Xtts":
    """Upstream's own model on the test checkpoint: CPU, fp32, ready to infer. Leave it as it is."""
    from TTS.tts.configs.xtts_config import XttsConfig
    from TTS.tts.models.xtts import Xtts

    config = XttsConfig()
    config.load_json(str(hum / "config.json"))
    model = Xtts(config)
    model.load_checkpoint(config, checkpoint_dir=hum, eval=True)
    return model


@pytest.fixture(scope="session")
def model(hum: Path) -> "Model":
    """The model that our engine runs on, as the runner loads it. Leave it as it is."""
    import torch

    from runners.checkpoint.look import look_at
    from runners.xtts.checkpoint import load_checkpoint

    return load_checkpoint(look_at(hum), torch.device("cpu"))
