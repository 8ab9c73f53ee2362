"""Which precision is taken where, and that what a CPU takes by itself stays within its limits."""

import pytest
import torch

from benchmarks.accuracy.comparison import Line, compare
from runners.errors import ConfigurationError
from runners.xtts.model import Model
from runners.xtts.precision import FP32, choose_precision
from tests.studio import LINES

CPU, CUDA = torch.device("cpu"), torch.device("cuda", 0)


@pytest.fixture
def block(model: Model) -> torch.nn.Module:
    return model.gpt.blocks[0]


def test_a_cpu_takes_integers_and_float32_when_asked(block: torch.nn.Module) -> None:
    assert choose_precision("auto", CPU, block).name == "int10"
    assert choose_precision("int10", CPU, block).int10
    assert choose_precision("fp32", CPU, block) == FP32


def test_a_gpu_takes_half_precision(block: torch.nn.Module) -> None:
    assert choose_precision("auto", CUDA, block).transformer == torch.float16
    assert choose_precision("bf16", CUDA, block).transformer == torch.bfloat16
    assert choose_precision("fp32", CUDA, block) == FP32


def test_heads_that_do_not_fill_a_tile_are_left_to_float32(block: torch.nn.Module) -> None:
    attention = block.attn
    odd = type("Block", (), {"attn": type("Attention", (), {"head_dim": attention.head_dim + 8})})
    assert choose_precision("auto", CPU, odd) == FP32
    with pytest.raises(ConfigurationError, match="multiple of 32"):
        choose_precision("int10", CPU, odd)


@pytest.mark.parametrize(("name", "device"), [("fp16", CPU), ("bf16", CPU), ("int10", CUDA)])
def test_a_precision_of_the_other_kind_is_refused(name: str, device: torch.device, block: torch.nn.Module) -> None:
    with pytest.raises(ConfigurationError, match=f"XTTS_PRECISION={name}: must be .* on a"):
        choose_precision(name, device, block)


def test_integers_stay_within_the_limits(model: Model) -> None:
    precision = choose_precision("auto", CPU, model.gpt.blocks[0])
    lines = [Line(*line, speaker) for line in LINES[:9] for speaker in ("Demo Low", "Demo High")]
    accuracy = compare(model, precision, lines, most=100)
    assert accuracy.places > 700
    assert accuracy.divergence > 0  # it is another precision
    assert accuracy.within_limits, accuracy
