"""Models in BentoML's store: found by their tag, and put there.

    python -m runners.model_store hf://coqui/XTTS-v2 xtts-v2:v2.0.3

A bento built with a model's tag carries the model, and the image that comes of it has it inside.
"""

import os
import shutil
import sys
from pathlib import Path

import bentoml
from bentoml.exceptions import BentoMLException, NotFound
from bentoml.models import ModelStore

from runners.config import EngineConfig
from runners.errors import ConfigurationError
from runners.model_source import check_checkpoint, resolve_model


def stored_model(tag: str) -> Path | None:
    """The folder of a model in the bento that is being served, in a container, or else in the store of this machine."""
    inside = Path(os.environ.get("BENTO_PATH", "")) / "models"
    stores = [ModelStore(inside)] if inside.is_absolute() and inside.is_dir() else []
    for store in (*stores, None):
        try:
            model = bentoml.models.get(tag, _model_store=store) if store else bentoml.models.get(tag)
        except NotFound:
            continue
        return Path(model.path)
    return None


def import_model(source: str, tag: str, config: EngineConfig) -> str:
    """Puts the model that `source` names (see XTTS_MODEL) into the store. Returns its tag, with the version.

    Raises ConfigurationError when there is no such model, or one of that tag in the store already.
    """
    folder = resolve_model(source, config.cache_dir, config.tos_agreed)
    check_checkpoint(folder)
    try:
        with bentoml.models.create(tag, module="runners.model_source", metadata={"source": source}) as model:
            shutil.copytree(folder, model.path, dirs_exist_ok=True)
    except BentoMLException as error:
        raise ConfigurationError(f"{tag}: {error}") from error
    return str(model.tag)


def main() -> None:
    if len(sys.argv) != 3:
        sys.exit("Usage: python -m runners.model_store SOURCE NAME[:VERSION]")
    tag = import_model(sys.argv[1], sys.argv[2], EngineConfig.from_env())
    print(f"{tag} is in BentoML's store. Serve it with XTTS_MODEL={tag}, bake it in with `make image MODEL={tag}`.")


if __name__ == "__main__":
    main()
