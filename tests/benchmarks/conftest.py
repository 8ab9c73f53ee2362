from pathlib import Path

import pytest

from benchmarks.checkpoint import Sizes, bench_checkpoint

SMALL = Sizes(layers=2, width=128, heads=4, text_tokens=1300)
CODES = 23


@pytest.fixture(scope="session")
def small_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two layers, the real vocoder; every utterance lasts 23 codes."""
    return bench_checkpoint(tmp_path_factory.mktemp("checkpoints"), CODES, SMALL)
