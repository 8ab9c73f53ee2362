"""Float32 against itself, and where the comparison stops. For int10 see tests/runners/xtts/test_precision.py."""

from pathlib import Path

import pytest
import torch

from benchmarks.accuracy.comparison import Accuracy, Line, compare
from benchmarks.checkpoint import SPEAKERS
from runners.checkpoint.look import look_at
from runners.xtts.checkpoint import load_checkpoint
from runners.xtts.model import Model
from runners.xtts.precision import FP32, Precision
from tests.benchmarks.conftest import CODES

LINES = [Line("en", text, speaker) for text in ("One.", "And two of them.", "Three.") for speaker in SPEAKERS]


@pytest.fixture(scope="module")
def small(small_checkpoint: Path) -> Model:
    return load_checkpoint(look_at(small_checkpoint), torch.device("cpu"))


def test_float32_is_itself_at_every_place_up_to_the_stop_code(small: Model) -> None:
    found = compare(small, FP32, LINES, most=100)
    assert (found.places, found.divergence, found.worst_divergence, found.agreement) == (len(LINES) * CODES, 0, 0, 1)
    assert found.snr > 150
    assert found.within_limits


def test_no_line_is_longer_than_asked_for(small: Model) -> None:
    assert compare(small, FP32, LINES[:1], most=7).places == 7


def test_a_coarser_transformer_shows_in_the_codes_and_a_coarser_vocoder_in_the_samples(small: Model) -> None:
    codes = compare(small, Precision("coarse", False, torch.bfloat16, torch.float32), LINES, most=10)
    assert 0 < codes.divergence < codes.worst_divergence
    assert codes.snr > 150
    samples = compare(small, Precision("coarse", False, torch.float32, torch.bfloat16), LINES, most=10)
    assert samples.divergence == 0
    assert samples.snr < 80


@pytest.mark.parametrize("fault", [{"divergence": 0.02}, {"agreement": 0.97}, {"snr": 39.0}])
def test_each_limit_counts(fault: dict[str, float]) -> None:
    within = {"places": 10, "divergence": 0.001, "worst_divergence": 0.5, "agreement": 0.99, "snr": 45.0}
    assert Accuracy(**within).within_limits
    assert not Accuracy(**{**within, **fault}).within_limits
