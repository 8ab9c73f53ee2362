"""The engine taken apart, on the small checkpoint: what is stepped, how long the caches are, what a slot holds."""

from pathlib import Path

import pytest

from api.config import REFERENCES
from api.voices import VoiceLibrary
from benchmarks.insides import Model, latents_times, walk
from tests.benchmarks.conftest import SMALL


@pytest.fixture(scope="module")
def model(small_checkpoint: Path) -> Model:
    return Model.load(small_checkpoint)


def test_every_length_is_walked_to_by_text_where_there_is_one_so_long_and_else_by_steps(model: Model) -> None:
    found = walk(model.decoder(2), 2, (64, 200, 460), around=3)
    assert {length: len(times) for length, times in found.items()} == {64: 3, 200: 3, 460: 3}
    assert all(time > 0 for times in found.values() for time in times)


def test_filling_fewer_slots_leaves_the_others_vacant(model: Model) -> None:
    decoder = model.decoder(4)
    decoder.fill(4, 300)
    decoder.fill(1, 64)
    assert decoder.lengths == [64, 1, 1, 1]
    decoder.step()
    assert decoder.lengths == [65, 1, 1, 1]


def test_a_slot_holds_its_cache_and_its_latents(model: Model) -> None:
    positions, codes = 1088, 602
    expected = 4 * SMALL.width * (2 * SMALL.layers * positions + codes)
    assert model.slot_bytes(8) == pytest.approx(expected, rel=0.001)


def test_a_voice_is_heard_once_and_found_again(model: Model) -> None:
    times = latents_times(model, VoiceLibrary(REFERENCES).resolve("default"))
    assert 0 < times.memory < times.disk < times.miss  # by factors of hundreds
