"""The engine taken apart, on the small checkpoint: what is stepped, how long the caches are, what a slot holds."""

from pathlib import Path

import pytest

from api.config import REFERENCES
from api.voices.library import VoiceLibrary
from benchmarks.growth.insides import Loaded, latents_times, walk
from tests.benchmarks.conftest import SMALL


@pytest.fixture(scope="module")
def model(small_checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Loaded:
    cache = str(tmp_path_factory.mktemp("cache"))
    settings = {"XTTS_MODEL": str(small_checkpoint), "XTTS_PRECISION": "fp32", "XTTS_CACHE_DIR": cache}
    return Loaded.load({**settings, "XTTS_DEVICE": "cpu", "XTTS_SLOTS": "4"})


def test_every_length_is_walked_to_by_text_where_there_is_one_so_long_and_else_by_steps(model: Loaded) -> None:
    found = walk(model.steps, 2, (64, 200, 460), around=3)
    assert {length: len(times) for length, times in found.items()} == {64: 3, 200: 3, 460: 3}
    assert all(time > 0 for times in found.values() for time in times)
    assert model.steps.lengths == [463, 463, 1, 1]


def test_filling_fewer_slots_leaves_the_others_vacant(model: Loaded) -> None:
    model.steps.fill(4, 300)
    model.steps.fill(1, 64)
    assert model.steps.lengths == [64, 1, 1, 1]
    model.steps.step()
    assert model.steps.lengths == [65, 1, 1, 1]


def test_a_slot_holds_its_cache_and_its_latents(model: Loaded) -> None:
    positions, codes = 1088, 602
    assert model.steps.slot_bytes == 4 * SMALL.width * (2 * SMALL.layers * positions + codes)


def test_a_voice_is_heard_once_and_found_again(model: Loaded) -> None:
    times = latents_times(model, VoiceLibrary(REFERENCES).resolve("default"))
    assert 0 < times.memory < times.disk < times.miss  # by factors of hundreds
