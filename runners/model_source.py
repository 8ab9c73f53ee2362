"""What XTTS_MODEL may be, and the local folder that comes of it. Knows not what is in the files."""

import json
import logging
import os
import re
import shutil
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from runners.demo import DEMO_VERSION, make_demo
from runners.errors import ConfigurationError
from runners.hub import Hub, HubModel
from runners.landing import land

logger = logging.getLogger(__name__)

REQUIRED_FILES = ("config.json", "model.pth", "vocab.json")
OPTIONAL_FILES = ("speakers_xtts.pth", "hash.md5", "LICENSE.txt")
PINNED_REVISIONS = {"coqui/XTTS-v2": "v2.0.3"}
CHOICES = "demo, hf://owner/name[@revision], or a folder that holds config.json, model.pth and vocab.json"


@dataclass(frozen=True, slots=True)
class DemoRecipe:
    """How the demo checkpoint is made. Another version makes other files."""

    version: str
    make: Callable[[Path], object]  # fills an empty folder


def demo_recipe() -> DemoRecipe:
    return DemoRecipe(DEMO_VERSION, make_demo)


def is_demo(source: str) -> bool:
    """Whether XTTS_MODEL names the project's own checkpoint, which does not speak."""
    return source == "demo"


def resolve_model(
    source: str,
    cache_dir: Path,
    tos_agreed: bool,
    *,
    hub: Hub | None = None,
    demo: Callable[[], DemoRecipe] = demo_recipe,
) -> Path:
    """Returns a folder that holds the REQUIRED_FILES: the one named, or one landed in `cache_dir/models`.

    What has landed needs no network again. Processes that share the cache make or fetch a model once.
    Raises ConfigurationError, whose message says what to do.
    """
    models = cache_dir / "models"
    scheme, separator, address = source.partition("://")
    try:
        if is_demo(source):
            return _from_recipe(demo(), models)
        if separator and scheme in SCHEMES:
            return SCHEMES[scheme](address, models, tos_agreed, hub or Hub())
    except OSError as error:
        raise ConfigurationError(f"XTTS_CACHE_DIR={cache_dir} cannot be written: {error}") from error
    if separator:
        raise ConfigurationError(f"XTTS_MODEL={source}: must be {CHOICES}")
    return _from_folder(source)


def _from_recipe(recipe: DemoRecipe, models: Path) -> Path:
    def make(folder: Path) -> None:
        shutil.rmtree(folder)
        folder.mkdir()
        recipe.make(folder)

    return land(models / f"demo-{recipe.version}", make)


def _from_folder(source: str) -> Path:
    folder = Path(os.path.expanduser(source)).absolute()
    if not folder.is_dir():
        raise ConfigurationError(f"XTTS_MODEL={source}: there is no such folder. It may be {CHOICES}")
    missing = [name for name in REQUIRED_FILES if not (folder / name).is_file()]
    if missing:
        raise ConfigurationError(f"XTTS_MODEL={source}: the folder has no {', '.join(missing)}")
    return folder


def _from_hub(address: str, models: Path, tos_agreed: bool, hub: Hub) -> Path:
    model = _hub_model(address)
    if not tos_agreed:
        raise ConfigurationError(
            f"XTTS_MODEL={model}: XTTS-v2 and what is tuned from it come under the Coqui Public Model"
            " License (CPML), which allows non-commercial use only. Read it at https://coqui.ai/cpml or as"
            " LICENSE.txt in the repository. If you accept it, set COQUI_TOS_AGREED=1."
        )
    return hub.land(model, models, REQUIRED_FILES, OPTIONAL_FILES)


def _hub_model(address: str) -> HubModel:
    repo, _, revision = address.partition("@")
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", repo, re.ASCII):
        raise ConfigurationError(f"XTTS_MODEL=hf://{address}: must be hf://owner/name[@revision]")
    if not revision and repo not in PINNED_REVISIONS:
        logger.warning(
            "XTTS_MODEL=hf://%s is not pinned: it is main as it was when first downloaded. Add @ and a tag"
            " or commit to pin it.",
            repo,
        )
    return HubModel(repo, revision or PINNED_REVISIONS.get(repo, "main"))


SCHEMES: Mapping[str, Callable[[str, Path, bool, Hub], Path]] = {"hf": _from_hub}


def check_checkpoint(folder: Path) -> None:
    """What can be told of a checkpoint without loading it. Raises ConfigurationError for one that cannot be XTTS v2."""
    try:
        config = json.loads((folder / "config.json").read_bytes())
        json.loads((folder / "vocab.json").read_bytes())
        with (folder / "model.pth").open("rb") as weights:
            archive = weights.read(2) == b"PK"  # older checkpoints are plain pickles
        if archive:
            zipfile.ZipFile(folder / "model.pth").close()
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise ConfigurationError(f"XTTS_MODEL: {folder} does not hold a whole checkpoint: {error}") from error
    if not config.get("model_args", {}).get("gpt_use_perceiver_resampler", False):
        raise ConfigurationError(f"XTTS_MODEL: {folder} is not XTTS v2 (gpt_use_perceiver_resampler is not set)")
