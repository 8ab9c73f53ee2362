"""Lands a checkpoint from a remote folder: the files it takes, whole, checked, all of one version."""

import hashlib
import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

from huggingface_hub.utils.sha import git_hash

from runners.checkpoint.files import CONFIG, LICENCE, SPEAKERS, VOCABULARY, WEIGHTS, check_texts, choose_weights
from runners.errors import ConfigurationError
from runners.models.landing import land_version, recall
from runners.models.remote_folder import HUB, RemoteFile, RemoteFolder, parts_of_hub

MANIFEST = "SHA256SUMS"  # as sha256sum writes it
REQUIRED = (CONFIG, VOCABULARY, WEIGHTS[0])


def free_space(folder: Path) -> int:
    """Bytes that may still be written there."""
    return shutil.disk_usage(folder).free


def download(
    url: str, weights: str | None, models: Path, free: Callable[[Path], int] = free_space, **options: Any
) -> Path:
    """Returns `models/<name>@<version>`: config.json, vocab.json, `weights` (None: to be found), what else is wanted.

    What has landed is not asked for again: it starts with no network, and a change in the folder is not seen. Files
    that came of the same version before are kept. Raises ConfigurationError, or OSError where `models` cannot be
    written. `options`: see RemoteFolder.open.
    """
    name, revision = _name_of(url, weights)
    ref = models / f"{name}{revision}.ref"
    landed = models / f"{name}@{recall(ref) or revision.removeprefix('@')}"
    if landed.is_dir():
        return landed
    folder = RemoteFolder.open(url, REQUIRED, **options)
    files = _wanted(folder, weights)
    version = folder.commit or hashlib.sha256(repr(files).encode()).hexdigest()[:16]
    return land_version(models / f"{name}@{version}", ref, lambda partial: _fetch(folder, files, partial, free))


def _name_of(url: str, weights: str | None) -> tuple[str, str]:
    """The beginning of the name of what lands, and of the note of which version it is what `@revision` adds to it."""
    if url.startswith(HUB):
        repo, folder, revision = parts_of_hub(url)
        parts = [part for part in (*repo.split("/"), *folder.split("/"), weights) if part]
        return quote("--".join(parts), safe=""), f"@{quote(revision or 'main', safe='')}"
    whole = f"{url.rstrip('/')}/{weights}" if weights else url
    return f"{Path(url).name}-{hashlib.sha256(whole.encode()).hexdigest()[:12]}", ""


def _wanted(folder: RemoteFolder, weights: str | None) -> list[RemoteFile]:
    name = weights or choose_weights(folder)
    check_texts(folder)
    found = [folder.describe(each) for each in (CONFIG, VOCABULARY, name, SPEAKERS, LICENCE)]
    files = [file for file in found if file]
    if name not in {file.name for file in files}:
        raise ConfigurationError(f"XTTS_MODEL={folder.url}: there is no {name}")
    sums = _manifest(folder)
    return [file if file.digest else replace(file, digest=sums.get(file.name, "")) for file in files]


def _manifest(folder: RemoteFolder) -> dict[str, str]:
    """File names and their sha256 in hex; empty where there is no manifest."""
    if not folder.has(MANIFEST):
        return {}
    lines = folder.read(MANIFEST).decode(errors="replace").splitlines()
    entries = [re.fullmatch(r"([0-9a-f]{64}) [ *](?:\./)?(.+)", line) for line in lines if line.strip()]
    if not all(entries):
        raise ConfigurationError(f"XTTS_MODEL={folder.url}: {MANIFEST} is not what sha256sum writes")
    return {entry[2]: entry[1] for entry in entries if entry}


def _fetch(folder: RemoteFolder, files: Sequence[RemoteFile], target: Path, free: Callable[[Path], int]) -> None:
    """The files of an earlier attempt, where they are surely the same, stay; the others come."""
    missing = [file for file in files if not _is_kept(file, target / file.name)]
    size = sum(file.size for file in missing)
    if size > free(target):
        raise ConfigurationError(
            f"XTTS_MODEL={folder.url}: {size / 1e6:,.1f} MB are to come and {target.parent} has room for"
            f" {free(target) / 1e6:,.1f} MB. Make room, or set XTTS_CACHE_DIR to a folder on a larger disk."
        )
    for file in missing:
        coming = target / f"{file.name}.coming"
        folder.fetch(file, coming)
        if not _is_whole(file, coming):
            coming.unlink()
            raise ConfigurationError(
                f"XTTS_MODEL={folder.url}: {file.name} arrived damaged: its size or checksum is not the announced one."
                " It was thrown away: start again to fetch it anew. If it recurs, look at the disk and any proxy."
            )
        coming.rename(target / file.name)
    if not folder.commit and any(folder.describe(file.name) != replace(file, digest="") for file in files):
        for file in files:
            (target / file.name).unlink()
        raise ConfigurationError(f"XTTS_MODEL={folder.url} was changed while it was downloaded: start again.")


def _is_kept(file: RemoteFile, path: Path) -> bool:
    told_apart = bool(file.version or file.digest)
    return told_apart and path.is_file() and path.stat().st_size == file.size


def _is_whole(file: RemoteFile, path: Path) -> bool:
    if path.stat().st_size != file.size:
        return False
    if len(file.digest) == 40:
        return git_hash(path.read_bytes()) == file.digest
    with path.open("rb") as content:
        return not file.digest or hashlib.file_digest(content, "sha256").hexdigest() == file.digest
