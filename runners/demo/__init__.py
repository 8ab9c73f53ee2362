"""The demo voice: a small XTTS-v2 of our own, trained on espeak-ng's speech by `training/`. See weights/README.md."""

import hashlib
from pathlib import Path

WEIGHTS = Path(__file__).with_name("weights")
_RECIPE = "2"  # how the weights become a checkpoint: change it with anything that changes a tensor or a token


def demo_version() -> str:
    """Changes with the weights and with what is made of them."""
    digest = hashlib.sha256(_RECIPE.encode())
    for path in sorted(WEIGHTS.glob("*.safetensors")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def make_demo(folder: Path) -> None:
    """Writes config.json, model.pth, vocab.json and speakers_xtts.pth (130 MB) into `folder`, which exists."""
    from runners.demo.checkpoint import write_demo  # here, because it brings in torch: the version alone does not

    write_demo(folder)
