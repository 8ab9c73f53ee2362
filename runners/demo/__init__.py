"""The demo checkpoint: a small XTTS-v2 in the real layout, made on the spot. It hums; it does not speak.

Its weights are seeded random ones with a little order made by hand, so that text, voice, language, style and
seed all matter and an utterance ends when its text does. Nothing is trained: no two machines train alike.
"""

from pathlib import Path

DEMO_VERSION = "1"  # of the recipe: change it with anything that changes a tensor or a token


def make_demo(folder: Path) -> None:
    """Writes config.json, model.pth, vocab.json and speakers_xtts.pth (100 MB) into `folder`, which exists."""
    from runners.demo.checkpoint import write_demo  # here, because it brings in torch: the version alone does not

    write_demo(folder)
