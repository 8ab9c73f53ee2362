"""Puts a model into BentoML's store, where a bento can refer to it: the model's own tensors, and nothing of training.

python -m runners.models.importing hf://coqui/XTTS-v2 xtts-v2:v2.0.3
"""

import json
import shutil
import sys
from pathlib import Path

import bentoml
from bentoml.exceptions import BentoMLException

from runners.checkpoint.files import CONFIG, LICENCE, SPEAKERS, VOCABULARY, WEIGHTS
from runners.checkpoint.look import Checkpoint, look_at
from runners.config import EngineConfig
from runners.errors import ConfigurationError
from runners.models.licence import recorded_source
from runners.models.source import resolve_model


def import_model(source: str, tag: str, config: EngineConfig) -> tuple[str, str]:
    """Writes the model that `source` names (see XTTS_MODEL) into the store. Returns its tag, with the version, and in
    words what was left out. A copy of an imported model keeps its first source; whose disk a folder lay on is nobody's
    business who gets the model.

    Raises ConfigurationError when there is no such model, or when the store has one of that tag already.
    """
    checkpoint = look_at(resolve_model(source, config.cache_dir, config.tos_agreed))
    origin = recorded_source(checkpoint.folder) or ("a folder" if Path(source).expanduser().exists() else source)
    try:
        with bentoml.models.create(tag, module=__name__, metadata={"source": origin}) as model:
            write_clean(checkpoint, Path(model.path))
    except BentoMLException as error:
        raise ConfigurationError(f"{tag}: {error}") from error
    return str(model.tag), left_out(checkpoint)


def write_clean(checkpoint: Checkpoint, folder: Path) -> None:
    """The checkpoint in upstream's own layout, its tensors as they are: it is the same for the cache of latents."""
    import torch

    from runners.xtts.mapped import MappedFile

    tensors = MappedFile(checkpoint.folder / checkpoint.weights).tensors(checkpoint.tensors)
    torch.save({"model": tensors}, folder / WEIGHTS[0])
    (folder / CONFIG).write_text(json.dumps(checkpoint.config, indent=4, ensure_ascii=False), encoding="utf-8")
    for name in (VOCABULARY, SPEAKERS, LICENCE):
        if checkpoint.files.has(name):
            shutil.copyfile(checkpoint.folder / name, folder / name)


def left_out(checkpoint: Checkpoint) -> str:
    """In words; empty when nothing was."""
    taken = {CONFIG, VOCABULARY, SPEAKERS, LICENCE, checkpoint.weights}
    others = [name for name in checkpoint.files.names() if name not in taken]
    training = [f"{checkpoint.left_out / 1e9:.2f} GB of training's tensors"] if checkpoint.left_out else []
    return ", ".join([*training, *others])


def main() -> None:
    if len(sys.argv) != 3:
        sys.exit("Usage: python -m runners.models.importing SOURCE NAME:VERSION")
    tag, missing = import_model(sys.argv[1], sys.argv[2], EngineConfig.from_env())
    print(f"{tag} is in BentoML's store. Serve it: XTTS_MODEL={tag}. Put it into an image: make image MODEL={tag}")
    if missing:
        print(f"Left out: {missing}")


if __name__ == "__main__":
    main()
