"""What XTTS_MODEL may be, and the local folder that comes of it. Knows not what is in the files."""

import json
import logging
import os
import re
import shutil
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import fsspec

from runners.demo import DEMO_VERSION, make_demo
from runners.errors import ConfigurationError
from runners.hub import Hub, HubModel
from runners.landing import land

logger = logging.getLogger(__name__)

REQUIRED_FILES = ("config.json", "model.pth", "vocab.json")
OPTIONAL_FILES = ("speakers_xtts.pth", "hash.md5", "LICENSE.txt")
PINNED_REVISIONS = {"coqui/XTTS-v2": "v2.0.3"}
CHOICES = (
    "demo, hf://owner/name[@revision], s3://bucket/prefix, name:version of a model in BentoML's store,"
    " or a folder that holds config.json, model.pth and vocab.json"
)
CPML = "Coqui Public Model License"


@dataclass(frozen=True, slots=True)
class DemoRecipe:
    """How the demo checkpoint is made. Another version makes other files."""

    version: str
    make: Callable[[Path], object]  # fills an empty folder


def demo_recipe() -> DemoRecipe:
    return DemoRecipe(DEMO_VERSION, make_demo)


def is_tag(source: str) -> bool:
    """Whether XTTS_MODEL names a model in BentoML's store: name:version."""
    return re.fullmatch(r"[a-z0-9][a-z0-9_.-]*:[\w.-]+", source, re.ASCII) is not None and not Path(source).is_dir()


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
        if scheme == "hf" and separator:
            return _from_hub(address, models, tos_agreed, hub or Hub())
        if separator:
            return _from_bucket(source, models, tos_agreed)
    except OSError as error:
        raise ConfigurationError(f"XTTS_CACHE_DIR={cache_dir} cannot be written: {error}") from error
    folder = _from_store(source) if is_tag(source) else _from_folder(source)
    if carries_cpml(folder):
        _check_agreed(source, tos_agreed)
    return folder


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
    _check_agreed(model, tos_agreed)
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


def _from_bucket(url: str, models: Path, tos_agreed: bool) -> Path:
    from runners.bucket import Bucket  # S3's client takes half a second to import

    if url.partition("://")[0] not in fsspec.available_protocols():
        raise ConfigurationError(f"XTTS_MODEL={url}: must be {CHOICES}")
    if urlsplit(url).password is not None:  # it would be in logs, and in /health
        raise ConfigurationError("XTTS_MODEL holds a password: give it by its store's own environment variables")
    _check_agreed(url, tos_agreed)
    return Bucket.open(url).land(models, REQUIRED_FILES, OPTIONAL_FILES)


def _from_store(tag: str) -> Path:
    from runners.model_store import stored_model

    folder = stored_model(tag)
    if folder is None:
        raise ConfigurationError(f"XTTS_MODEL={tag}: BentoML's store has no such model. `make model-import` adds one.")
    return _from_folder(str(folder))


def carries_cpml(folder: Path) -> bool:
    """Whether the licence of the real weights lies beside them."""
    licence = folder / "LICENSE.txt"
    return licence.is_file() and CPML in licence.read_text(errors="replace")


def _check_agreed(model: object, tos_agreed: bool) -> None:
    if not tos_agreed:
        raise ConfigurationError(
            f"XTTS_MODEL={model}: XTTS-v2 and what is tuned from it come under the {CPML} (CPML), which allows"
            " non-commercial use only. Read it at https://coqui.ai/cpml or as LICENSE.txt beside the model. If you"
            " accept it, set COQUI_TOS_AGREED=1."
        )


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
