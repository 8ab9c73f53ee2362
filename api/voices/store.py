"""Uploaded voices on disk: a folder each, in the layout that `references/` has. Whole or not at all, for any process.

Nothing is kept in memory, so that all workers and servers that share the folder see the same. Knows no HTTP, and
judges nothing.
"""

import logging
import shutil
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from api.age import age
from api.errors import StorageFailure, VoiceExists
from api.names import NAME_RULE, composed, is_name
from api.voices.clip_judge import Verdict
from api.voices.folder import VoiceProfile
from runners.errors import InvalidInput
from runners.whole_file import private_folder, sync_folder, write_whole

log = logging.getLogger(__name__)

DRAFT: Final = ".draft-"  # before a folder's name: a voice on its way in
DELETED: Final = ".deleted-"  # or on its way out. No voice's name begins with a dot, so that neither is ever one.
ABANDONED: Final = 24 * 3600.0  # seconds; who left such a folder behind is not coming back for it


class Draft:
    """A folder of files that is no voice yet."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(self, name: str, content: bytes) -> Path:
        """Its path. `name` is ours, never the client's. Raises StorageFailure."""
        file = self.folder / name
        with _storage("written"):
            write_whole(file, content)
        return file


class VoiceStore:
    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()

    @contextmanager
    def draft(self) -> Iterator[Draft]:
        """A new, empty draft; what has not become a voice by the end is gone. Raises StorageFailure."""
        folder = self.folder / f"{DRAFT}{uuid.uuid4().hex}"
        try:
            with _storage("written"):
                private_folder(folder)
            yield Draft(folder)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def publish(self, draft: Draft, name: str, verdicts: Mapping[str, Verdict] | None = None) -> None:
        """The draft becomes voice `name`. Raises VoiceExists, InvalidInput for no name, StorageFailure.

        `verdicts`: of its clips, by their digests, for a store that keeps them.
        """
        target = self._voice(name)
        if target is None:
            raise no_name(name)
        with _storage("written"):
            try:
                draft.folder.rename(target)
            except OSError:
                if target.is_dir():  # not empty, or it would have been replaced: somebody was faster
                    raise already_there(name) from None
                raise
            sync_folder(self.folder)

    def delete(self, name: str) -> bool:
        """Whether there was such a voice. It is gone for everyone at once; whoever has read its clips goes on."""
        voice = self._voice(name)
        if voice is None:
            return False
        leaving = self.folder / f"{DELETED}{uuid.uuid4().hex}"
        with _storage("deleted"):
            try:
                voice.rename(leaving)
            except (FileNotFoundError, NotADirectoryError):
                return False
            sync_folder(self.folder)
        shutil.rmtree(leaving, ignore_errors=True)
        return True

    def holds(self, name: str) -> bool:
        voice = self._voice(name)
        return voice is not None and voice.is_dir()

    def owns(self, profile: VoiceProfile) -> bool:
        return profile.folder is not None and profile.folder.parent == self.folder

    def sweep(self) -> None:
        """Remove what crashed processes left half-way."""
        for left in [*self.folder.glob(f"{DRAFT}*"), *self.folder.glob(f"{DELETED}*")]:
            with suppress(FileNotFoundError):  # another process sweeps too
                if age(left.stat().st_mtime) > ABANDONED:
                    log.warning("Removing an upload that was left half-way: %s", left)
                    shutil.rmtree(left, ignore_errors=True)

    def _voice(self, name: str) -> Path | None:
        return self.folder / composed(name) if is_name(composed(name)) else None


def no_name(name: str) -> InvalidInput:
    return InvalidInput(f"{name!r} is no name for a voice: {NAME_RULE}.", param="name")


def already_there(name: str) -> VoiceExists:
    return VoiceExists(
        f"There is a voice {name!r} already. Choose another name, or delete that one first.", param="name"
    )


@contextmanager
def _storage(done: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        message = f"The voice could not be {done}; the server's log says why."
        raise StorageFailure(message) from error
