"""Fixtures every test may use. The model is the demo checkpoint: small, sensitive, made on the spot."""

from pathlib import Path

import pytest
from TTS.tts.configs.xtts_config import XttsConfig
from TTS.tts.models.xtts import Xtts

from runners.demo import make_demo


@pytest.fixture(scope="session")
def demo_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo checkpoint's folder. Read it, do not write to it."""
    folder = tmp_path_factory.mktemp("demo")
    make_demo(folder)
    return folder


@pytest.fixture(scope="session")
def xtts(demo_dir: Path) -> Xtts:
    """Upstream's own model on the demo checkpoint: CPU, fp32, ready to infer. Leave it as it is."""
    config = XttsConfig()
    config.load_json(str(demo_dir / "config.json"))
    model = Xtts(config)
    model.load_checkpoint(config, checkpoint_dir=demo_dir, eval=True)
    return model
