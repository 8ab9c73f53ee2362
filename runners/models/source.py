"""What XTTS_MODEL may be, and the local folder that comes of it. Knows not what is in the files."""

import logging
import os
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import fsspec

from runners.checkpoint.files import SUFFIXES
from runners.demo import demo_version, make_demo
from runners.errors import ConfigurationError
from runners.models.landing import land
from runners.models.licence import check_agreed, is_url, needs_consent

logger = logging.getLogger(__name__)

HUB = "hf://"
PINNED_REVISIONS = {"coqui/XTTS-v2": "v2.0.3"}
CHOICES = (
    "demo, hf://owner/name[/folder][@revision], s3://bucket/prefix, name:version of a model in BentoML's store,"
    " or a folder that holds config.json, vocab.json and model.pth, or the file of weights in one"
)


@dataclass(frozen=True, slots=True)
class DemoRecipe:
    """How the demo checkpoint is made. Another version makes other files."""

    version: str
    make: Callable[[Path], object]  # fills an empty folder


def demo_recipe() -> DemoRecipe:
    return DemoRecipe(demo_version(), make_demo)


def is_demo(source: str) -> bool:
    """Whether XTTS_MODEL names the project's own small voice."""
    return source == "demo"


def is_tag(source: str) -> bool:
    """Whether XTTS_MODEL names a model in BentoML's store, or a folder in one: name:version[/folder]."""
    tag = r"[a-z0-9][a-z0-9_.-]*:[\w.-]+(/[^/]+)*"
    return re.fullmatch(tag, source, re.ASCII) is not None and not os.path.exists(source)


def resolve_model(
    source: str,
    cache_dir: Path,
    tos_agreed: bool,
    *,
    demo: Callable[[], DemoRecipe] = demo_recipe,
    **options: Any,
) -> Path:
    """Returns a folder, or the file of weights in it: the one named, or one landed in `cache_dir/models`.

    What has landed needs no network again. Processes that share the cache make or fetch a model once. `options`: of
    the remote filesystem. Raises ConfigurationError, whose message says what to do.
    """
    if not is_url(source) and not is_demo(source):
        return _at_hand(source, tos_agreed)
    models = cache_dir / "models"
    try:
        return _from_recipe(demo(), models) if is_demo(source) else _from_url(source, models, tos_agreed, options)
    except OSError as error:
        if error.errno is None:  # not the disk's
            raise
        raise ConfigurationError(
            f"XTTS_CACHE_DIR={cache_dir}: must be a folder that the server may write to: {error}"
        ) from error


def check_source(source: str, tos_agreed: bool) -> None:
    """What `resolve_model` can tell without a network. Raises ConfigurationError, whose message says what to do."""
    if is_url(source):
        check_agreed(locate(source)[0], tos_agreed)
    elif not is_demo(source):
        _at_hand(source, tos_agreed)


def locate(source: str) -> tuple[str, str | None]:
    """The URL of the folder, with the revision that is meant, and the name of the file of weights if it is named.

    Raises ConfigurationError for what is no URL, and for one that holds a password.
    """
    if source.partition("://")[0] not in fsspec.available_protocols():
        raise ConfigurationError(f"XTTS_MODEL={source}: must be {CHOICES}")
    if _holds_password(source):  # it would be in logs, and in /health
        raise ConfigurationError("XTTS_MODEL=***: must hold no password; its store's own environment variables do")
    path, at, revision = source.partition("@") if source.startswith(HUB) else (source, "", "")
    repo = path.removeprefix(HUB)
    if source.startswith(HUB) and not at:
        at, revision = "@", PINNED_REVISIONS.get(repo, "main")
        if repo not in PINNED_REVISIONS:
            logger.warning(
                "XTTS_MODEL=%s is not pinned: it is main as it was when first downloaded. Add @ and a tag or commit to"
                " pin it.",
                source,
            )
    folder, _, name = path.rpartition("/")
    return (f"{folder}{at}{revision}", name) if name.endswith(SUFFIXES) else (f"{path}{at}{revision}", None)


def _from_recipe(recipe: DemoRecipe, models: Path) -> Path:
    def make(folder: Path) -> None:
        shutil.rmtree(folder)
        folder.mkdir()
        recipe.make(folder)

    return land(models / f"demo-{recipe.version}", make)


def _from_url(source: str, models: Path, tos_agreed: bool, options: dict[str, Any]) -> Path:
    from runners.models.download import download  # the clients take half a second to import

    url, weights = locate(source)
    check_agreed(url, tos_agreed)
    return download(url, weights, models, **options)


def _holds_password(url: str) -> bool:
    try:
        return urlsplit(url).password is not None
    except ValueError:  # its text may hold parts of the URL, and so may this one's a password
        raise ConfigurationError(
            "XTTS_MODEL=***: must have a host, since it begins as a URL does. Check [ and ] in it."
        ) from None


def _at_hand(source: str, tos_agreed: bool) -> Path:
    path = _from_store(source) if is_tag(source) else _from_disk(source)
    if needs_consent(source, path if path.is_dir() else path.parent):
        check_agreed(source, tos_agreed)
    return path


def _from_store(source: str) -> Path:
    tag, _, below = source.partition("/")
    folder = _stored(tag)
    if folder is None:
        raise ConfigurationError(f"XTTS_MODEL={tag}: BentoML's store has no such model. `make model-import` adds one.")
    if not (folder / below).exists():
        raise ConfigurationError(f"XTTS_MODEL={source}: the model has no {below}")
    return folder / below


def _stored(tag: str) -> Path | None:
    """In the bento that a container serves, which has its models inside, or in the store."""
    import bentoml  # takes a second
    from bentoml.exceptions import BentoMLException

    baked = Path(os.environ.get("BENTO_PATH", os.devnull), "models", *tag.split(":"))
    if baked.is_dir():
        return baked
    try:
        return Path(bentoml.models.get(tag).path)
    except BentoMLException:  # there is none, or no tag can be written so
        return None


def _from_disk(source: str) -> Path:
    path = Path(os.path.expanduser(source)).absolute()
    is_folder = os.path.isdir(path)  # Path's own `is_dir` raises PermissionError below a folder that is closed
    if is_folder or (os.path.isfile(path) and path.name.endswith(SUFFIXES)):
        if not os.access(path, os.R_OK | os.X_OK if is_folder else os.R_OK):
            raise ConfigurationError(f"XTTS_MODEL={source}: the server's user may not read it")
        return path
    raise ConfigurationError(f"XTTS_MODEL={source}: there is no such folder; must be {CHOICES}")
