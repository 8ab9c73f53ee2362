"""Puts a model into BentoML's store, where a bento can refer to it.

python -m runners.models.importing hf://coqui/XTTS-v2 xtts-v2:v2.0.3
"""

import shutil
import sys

import bentoml
from bentoml.exceptions import BentoMLException

from runners.config import EngineConfig
from runners.errors import ConfigurationError
from runners.models.checkpoint_files import OPTIONAL_FILES, REQUIRED_FILES, check_checkpoint
from runners.models.record import record_of
from runners.models.source import resolve_model


def import_model(source: str, tag: str, config: EngineConfig) -> str:
    """Copies the model that `source` names (see XTTS_MODEL) into the store. Returns its tag, with the version.

    Raises ConfigurationError when there is no such model, or when the store has one of that tag already.
    """
    folder = resolve_model(source, config.cache_dir, config.tos_agreed)
    check_checkpoint(folder)
    try:
        metadata = record_of(source, folder)
        with bentoml.models.create(tag, module="runners.models.importing", metadata=metadata) as model:
            for name in (*REQUIRED_FILES, *OPTIONAL_FILES):  # and nothing that training has left beside them
                if (folder / name).is_file():
                    shutil.copy2(folder / name, model.path)
    except BentoMLException as error:
        raise ConfigurationError(f"{tag}: {error}") from error
    return str(model.tag)


def main() -> None:
    if len(sys.argv) != 3:
        sys.exit("Usage: python -m runners.models.importing SOURCE NAME:VERSION")
    tag = import_model(sys.argv[1], sys.argv[2], EngineConfig.from_env())
    print(f"{tag} is in BentoML's store. Serve it: XTTS_MODEL={tag}. Put it into an image: make image MODEL={tag}")


if __name__ == "__main__":
    main()
