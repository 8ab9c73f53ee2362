"""Lands a model from a remote folder: whole, checked, of one version. Knows not what is in it."""

import hashlib
import logging
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runners.errors import ConfigurationError
from runners.models.download import RemoteFile, check_room, fetch, free_space
from runners.models.landing import land_version, recall
from runners.models.ranges import Unreadable, append_in_parallel
from runners.models.remote_folder import Absence, Listing, RemoteFolder

logger = logging.getLogger(__name__)

MANIFEST = "SHA256SUMS"  # as sha256sum writes it


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file of the folder, and what changes when its content does, as far as its server tells."""

    remote: RemoteFile
    version: str

    @property
    def is_told_apart(self) -> bool:
        """Whether other content of the same size would be noticed."""
        return bool(self.version or self.remote.digest)


@dataclass(frozen=True, slots=True)
class Bucket:
    """The remote folder of a model."""

    folder: RemoteFolder
    free_space: Callable[[Path], int] = free_space  # folder -> bytes

    @classmethod
    def open(cls, url: str, **options: Any) -> "Bucket":
        """Raises ConfigurationError where nothing opens such a URL. `options`: see RemoteFolder."""
        return cls(RemoteFolder.open(url, **options))

    def land(self, models: Path, required: Sequence[str], optional: Sequence[str]) -> Path:
        """Returns `models/<name>@<what its files are>`: the required files and what there is of the optional.

        What has landed is not asked for again: it starts with no network, and a change in the folder is not seen.
        Raises ConfigurationError, or OSError where `models` cannot be written.
        """
        url = self.folder.url
        name = f"{Path(self.folder.path).name}-{hashlib.sha256(url.encode()).hexdigest()[:12]}"
        ref = models / f"{name}.ref"
        identity = recall(ref)
        if identity is not None and (models / f"{name}@{identity}").is_dir():
            return models / f"{name}@{identity}"
        files = self._describe(required, optional)
        identity = _identity(files)
        return land_version(models / f"{name}@{identity}", ref, lambda partial: self._download(files, partial))

    def _describe(self, required: Sequence[str], optional: Sequence[str]) -> list[StoredFile]:
        found = {name: self.folder.look_up(name) for name in (*required, *optional)}
        if missing := [name for name in required if found[name] is Absence.MISSING]:
            raise ConfigurationError(f"XTTS_MODEL={self.folder.url}: the folder has no {', '.join(missing)}")
        if denied := [name for name in required if found[name] is Absence.DENIED]:
            raise self.folder.denied(denied)
        if denied := [name for name in optional if found[name] is Absence.DENIED]:
            self._go_without(denied)
        digests = self._manifest()
        return [
            StoredFile(RemoteFile(name, self.folder.url_of(name), listing.size, digests.get(name)), listing.version)
            for name, listing in found.items()
            if isinstance(listing, Listing)
        ]

    def _manifest(self) -> dict[str, str]:
        """File names and their sha256 in hex; empty where there is no manifest."""
        text = self.folder.read_text(MANIFEST)
        if text is Absence.DENIED:
            self._go_without([MANIFEST])
        if isinstance(text, Absence):
            return {}
        entries = [re.fullmatch(r"([0-9a-f]{64}) [ *](?:\./)?(.+)", line) for line in text.splitlines() if line.strip()]
        if not all(entries):
            raise ConfigurationError(f"XTTS_MODEL={self.folder.url}: {MANIFEST} is not what sha256sum writes")
        return {entry[2]: entry[1] for entry in entries if entry}

    def _go_without(self, names: Sequence[str]) -> None:
        logger.warning(
            "XTTS_MODEL=%s: access to %s is denied (403): going on as if there were no such file. If there is one, let"
            " these credentials read it and empty the cache.",
            self.folder.url,
            ", ".join(names),
        )

    def _download(self, files: Sequence[StoredFile], folder: Path) -> None:
        self._drop_what_may_be_another(files, folder)
        remote = [file.remote for file in files]
        check_room(self.folder.url, remote, folder, self.free_space(folder))
        for file in remote:
            fetch(file, folder, self._append)
        if any(self.folder.look_up(file.remote.name) != Listing(file.remote.size, file.version) for file in files):
            for file in remote:
                (folder / file.name).unlink()
            raise ConfigurationError(f"XTTS_MODEL={self.folder.url} was changed while it was downloaded: start again.")

    def _drop_what_may_be_another(self, files: Sequence[StoredFile], folder: Path) -> None:
        """What an earlier start left of files which may have changed since, for all that the server tells."""
        for file in files:
            path = folder / file.remote.name
            if path.exists() and not file.is_told_apart:
                logger.warning(
                    "%s: the server tells neither version nor checksum, so what came of it before is thrown away."
                    " %s beside it would tell.",
                    file.remote.url,
                    MANIFEST,
                )
                path.unlink()

    def _append(self, file: RemoteFile, path: Path) -> None:
        try:
            append_in_parallel(lambda start, end: self.folder.read(file.name, start, end), file.size, path, file.name)
        except Unreadable as error:
            raise self.folder.fault(file.name, error.reason) from error


def _identity(files: Sequence[StoredFile]) -> str:
    """Another for other files: what came of one version is never continued with another's."""
    facts = [(file.remote.name, file.remote.size, file.remote.digest, file.version) for file in files]
    return hashlib.sha256(repr(facts).encode()).hexdigest()[:16]
