"""Finds models in BentoML's store by their tag. Knows not what is in them."""

import os
from pathlib import Path

import bentoml
from bentoml.exceptions import BentoMLException


def stored_model(tag: str) -> Path | None:
    """The folder of a model: in the bento that a container serves, which has its models inside, or in the store."""
    baked = Path(os.environ.get("BENTO_PATH", os.devnull), "models", *tag.split(":"))
    if baked.is_dir():
        return baked
    try:
        return Path(bentoml.models.get(tag).path)
    except BentoMLException:  # there is none, or no tag can be written so
        return None
