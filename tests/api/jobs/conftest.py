from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from api.config import REFERENCES, ServerConfig
from api.jobs.planner import JobPlanner
from api.jobs.schemas import LongRequest
from api.jobs.store import Job, JobStore
from api.jobs.threads import JobThreads
from api.jobs.work import Work
from api.language import LanguageDetector
from api.plan import Planner
from api.voices.library import VoiceLibrary
from tests.api.jobs.fake_bulk_runner import FakeBulkRunner


@pytest.fixture
def store(tmp_path: Path) -> JobStore:
    return JobStore(tmp_path / "jobs")


@pytest.fixture
def runner() -> FakeBulkRunner:
    return FakeBulkRunner()


@pytest.fixture
def planner(runner: FakeBulkRunner, tmp_path: Path) -> JobPlanner:
    config = ServerConfig.from_env({})
    library = VoiceLibrary(REFERENCES, tmp_path / "voices")
    return JobPlanner(Planner(config, runner.client(), library, LanguageDetector()))


@pytest.fixture
def threads() -> JobThreads:
    return JobThreads()


@pytest.fixture
def work(runner: FakeBulkRunner, planner: JobPlanner, threads: JobThreads) -> Callable[[Job], Work]:
    return lambda job: Work(job, planner, runner.client(), threads, pauses=(0.0, 0.0))


def long_request(*samples: dict[str, Any]) -> LongRequest:
    defaults = {"voice": "Demo Low", "output_format": "wav", "seed": 7}
    return LongRequest.model_validate({"samples": [{**defaults, **sample} for sample in samples]})
