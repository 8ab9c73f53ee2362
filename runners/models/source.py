"""What XTTS_MODEL may be, and the local folder that comes of it. Knows not what is in the files."""

import logging
import os
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import fsspec

from runners.demo import DEMO_VERSION, make_demo
from runners.errors import ConfigurationError
from runners.models.checkpoint_files import OPTIONAL_FILES, REQUIRED_FILES, missing_files
from runners.models.hub import Hub, HubModel
from runners.models.landing import land
from runners.models.licence import check_agreed, is_url, may_be_under_cpml

logger = logging.getLogger(__name__)

PINNED_REVISIONS = {"coqui/XTTS-v2": "v2.0.3"}
CHOICES = (
    "demo, hf://owner/name[@revision], s3://bucket/prefix, name:version of a model in BentoML's store,"
    " or a folder that holds config.json, model.pth and vocab.json"
)


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


def is_tag(source: str) -> bool:
    """Whether XTTS_MODEL names a model in BentoML's store: name:version."""
    return re.fullmatch(r"[a-z0-9][a-z0-9_.-]*:[\w.-]+", source, re.ASCII) is not None and not Path(source).is_dir()


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
    try:
        if is_demo(source):
            return _from_recipe(demo(), models)
        if source.startswith("hf://"):
            return _from_hub(source, models, tos_agreed, hub or Hub())
        if is_url(source):
            return _from_url(source, models, tos_agreed)
    except OSError as error:
        if error.errno is None:  # not the disk's
            raise
        raise ConfigurationError(f"XTTS_CACHE_DIR={cache_dir} cannot be written: {error}") from error
    if is_tag(source):
        return _from_store(source, tos_agreed)
    return _from_folder(source, tos_agreed)


def _from_recipe(recipe: DemoRecipe, models: Path) -> Path:
    def make(folder: Path) -> None:
        shutil.rmtree(folder)
        folder.mkdir()
        recipe.make(folder)

    return land(models / f"demo-{recipe.version}", make)


def _from_hub(url: str, models: Path, tos_agreed: bool, hub: Hub) -> Path:
    model = _hub_model(url)
    check_agreed(model, tos_agreed)
    return hub.land(model, models, REQUIRED_FILES, OPTIONAL_FILES)


def _hub_model(url: str) -> HubModel:
    repo, _, revision = url.removeprefix("hf://").partition("@")
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", repo, re.ASCII):
        raise ConfigurationError(f"XTTS_MODEL={url}: must be hf://owner/name[@revision]")
    if not revision and repo not in PINNED_REVISIONS:
        logger.warning(
            "XTTS_MODEL=%s is not pinned: it is main as it was when first downloaded. Add @ and a tag or commit to"
            " pin it.",
            url,
        )
    return HubModel(repo, revision or PINNED_REVISIONS.get(repo, "main"))


def _from_url(url: str, models: Path, tos_agreed: bool) -> Path:
    from runners.models.bucket import Bucket  # S3's client takes half a second to import

    if url.partition("://")[0] not in fsspec.available_protocols():
        raise ConfigurationError(f"XTTS_MODEL={url}: must be {CHOICES}")
    if _holds_password(url):  # it would be in logs, and in /health
        raise ConfigurationError("XTTS_MODEL holds a password: give it by its store's own environment variables")
    check_agreed(url, tos_agreed)
    return Bucket.open(url).land(models, REQUIRED_FILES, OPTIONAL_FILES)


def _holds_password(url: str) -> bool:
    try:
        return urlsplit(url).password is not None
    except ValueError:  # its text may hold parts of the URL, and so may this one's a password
        raise ConfigurationError(
            "XTTS_MODEL begins as a URL does, but its host is none. Check [ and ] in it."
        ) from None


def _from_store(tag: str, tos_agreed: bool) -> Path:
    from runners.models.store import stored_model

    folder = stored_model(tag)
    if folder is None:
        raise ConfigurationError(f"XTTS_MODEL={tag}: BentoML's store has no such model. `make model-import` adds one.")
    return _checked(tag, folder, tos_agreed)


def _from_folder(source: str, tos_agreed: bool) -> Path:
    folder = Path(os.path.expanduser(source)).absolute()
    if not folder.is_dir():
        raise ConfigurationError(f"XTTS_MODEL={source}: there is no such folder. It may be {CHOICES}")
    return _checked(source, folder, tos_agreed)


def _checked(model: str, folder: Path, tos_agreed: bool) -> Path:
    """The folder, when it holds what it must and its licence lets it be served."""
    missing = missing_files(folder)
    if missing:
        raise ConfigurationError(f"XTTS_MODEL={model}: the folder has no {', '.join(missing)}")
    if may_be_under_cpml(folder):
        check_agreed(model, tos_agreed)
    return folder
