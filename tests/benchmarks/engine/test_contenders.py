"""Upstream and our engine behind the benchmark's one face, each in its process, on the small checkpoint."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.engine.measures import Job, Take
from benchmarks.engine.ours import Ours
from benchmarks.engine.resident import Resident
from benchmarks.engine.upstream import Upstream
from benchmarks.texts import texts
from benchmarks.xtts import CODE_SECONDS
from tests.benchmarks.conftest import CODES, SMALL

POSITION = 2 * SMALL.layers * SMALL.width * 4  # bytes of a cached position in fp32


@pytest.fixture(scope="module")
def upstream(small_checkpoint: Path) -> Iterator[Resident]:
    with Resident(Upstream, small_checkpoint, "cpu") as resident:
        yield resident


@pytest.fixture(scope="module")
def ours(small_checkpoint: Path) -> Iterator[Resident]:
    with Resident(Ours, small_checkpoint, "cpu", "fp32", 4) as resident:
        yield resident


def check(take: Take, count: int) -> None:
    """Figures that must agree with each other, however fast the machine is."""
    assert take.audio == pytest.approx(count * CODES * CODE_SECONDS, rel=0.01)
    assert len(take.first) == count
    assert min(take.first) > 0
    profile = take.profile
    assert profile is not None
    assert profile.seconds == take.seconds
    assert 0.1 < profile.vocoder_share < 1
    assert 0 < profile.prefill + (CODES - 1) * profile.step / 2 + profile.vocoder < take.seconds  # half: the median
    assert take.memory > 50_000_000


def test_upstream_speaks_one_by_one(upstream: Resident):
    take = upstream.ask("speak", Job(texts(2), CODES, seed=1, profile=True))
    check(take, 2)
    assert upstream.ask("loading") > 50_000_000


def test_upstreams_stream_starts_early(upstream: Resident):
    assert upstream.ask("first_chunk", Job(texts(1), CODES, seed=1, profile=False)) > 0


def test_ours_speaks_all_at_once(ours: Resident):
    single, four = (ours.ask("speak", Job(texts(count), CODES, seed=1, profile=True)) for count in (1, 4))
    check(single, 1)
    check(four, 4)
    cached = (four.profile.step_bytes - single.profile.step_bytes) / POSITION
    assert 3 * (35 + CODES // 2) < cached < 4 * 200  # the same weights, and three more caches


def test_without_a_profile_nothing_is_timed(ours: Resident):
    assert ours.ask("speak", Job(texts(1), CODES, seed=1, profile=False)).profile is None
