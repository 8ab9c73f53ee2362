"""Our engine against upstream's `Xtts.inference`, greedy, in fp32: the same codes token for token, the same sound."""

from collections.abc import Iterator

import pytest
import torch
from TTS.tts.models.xtts import Xtts

from runners.xtts.model import Model
from tests.studio import LINES, Studio, snr, studio, upstream_codes, upstream_wave

SPEAKERS = ("Demo Low", "Demo High")


def speaker_of(index: int) -> str:
    return SPEAKERS[index % 2]


@pytest.fixture(scope="module")
def reference(xtts: Xtts) -> list[list[int]]:
    """Upstream's codes of every line, each with its speaker."""
    with torch.inference_mode():
        return [upstream_codes(xtts, *line, speaker_of(index)) for index, line in enumerate(LINES)]


@pytest.fixture(scope="module", params=[1, 2, 5, 16])
def room(model: Model, request: pytest.FixtureRequest) -> Iterator[Studio]:
    """An engine with so many slots: with fewer than there are lines, they join and leave in mid-decode."""
    with studio(model, slots=request.param, mute=True) as open_studio:
        yield open_studio


def test_the_reference_is_sensitive(reference: list[list[int]]) -> None:
    assert len({tuple(codes) for codes in reference}) == len(LINES)
    assert len({len(codes) for codes in reference}) > len(LINES) / 2
    assert all(codes[-1] == 1025 for codes in reference)  # all end by the stop code


def test_greedy_codes_are_upstreams(room: Studio, reference: list[list[int]]) -> None:
    takes = [room.take(*line, speaker_of(index)) for index, line in enumerate(LINES)]
    room.record(takes)
    for take, codes in zip(takes, reference, strict=True):
        assert take.codes == codes, take.text


@pytest.mark.parametrize("speed", [1.0, 0.8, 1.3])
def test_waveforms_are_upstreams(model: Model, xtts: Xtts, speed: float) -> None:
    lines = [LINES[index] for index in ((1, 2, 6, 11, 16, 20) if speed == 1.0 else (1, 4, 12))]  # upstream takes long
    with studio(model, slots=4) as room:
        takes = [room.take(*line, speaker_of(index), speed=speed) for index, line in enumerate(lines)]
        waves = room.record(takes)
    for take, ours in zip(takes, waves, strict=True):
        expected = upstream_wave(xtts, take.language, take.text, take.speaker, speed)
        assert len(ours) == len(expected)
        assert snr(expected, ours) >= 60
