"""All voices by name, as their folders lie there right now. Reads clips only to know their digests.

Of equal names the first counts: a folder of the operator's hides an uploaded voice, and both hide a speaker of the
checkpoint. No folder is polled and nothing needs a restart: a look-up compares inodes, times and sizes and reads what
has changed. Voices in a bucket are those that it had a moment ago (see bucket.py).
"""

import hashlib
import logging
import os
import unicodedata
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from api.config import ServerConfig
from api.errors import UnknownVoice
from api.names import NAME_RULE, composed, is_name
from api.voices.blends import Blend, parse_blend
from api.voices.bucket import BucketVoices
from api.voices.folder import (
    BadBlend,
    BrokenVoice,
    StoredClip,
    VoiceProfile,
    normalise,
    read_voice,
)
from api.voices.store import VoiceStore
from runners.errors import InvalidInput
from runners.storage import Storage
from runners.types import Reference, Voice

log = logging.getLogger(__name__)

MOST_KNOWN = 4096  # folders, and clips, that are remembered
Stamp = tuple[int, int, int]  # inode, mtime in ns, bytes: another file or content has another one


class VoiceLibrary:
    """The voices of some folders, of which one that does not exist holds none. May be shared by threads."""

    def __init__(self, *folders: Path, bucket: BucketVoices | None = None, unlisted: Path | None = None) -> None:
        """`bucket`: what it holds comes after the folders. `unlisted`: a folder whose voices are found by their names
        only."""
        self._bucket = bucket
        self._folders = tuple(folder.absolute() for folder in folders)
        self._findable = (*self._folders, *([unlisted.absolute()] if unlisted else []))
        self._profiles: dict[Path, tuple[dict[str, Stamp], VoiceProfile]] = {}
        self._digests: dict[Path, tuple[Stamp, str]] = {}

    def profiles(self) -> list[VoiceProfile]:
        """Every usable voice, by name."""
        return [found for found in self._all() if isinstance(found, VoiceProfile)]

    def names(self, speakers: Sequence[str]) -> list[str]:
        """Of every usable voice, and of the checkpoint's `speakers`: each once."""
        return list(dict.fromkeys((*(profile.name for profile in self.profiles()), *speakers)))

    def faults(self) -> list[BrokenVoice]:
        """Every folder that is no usable voice, and why: for the start-up log and for listings."""
        return [found for found in self._all() if isinstance(found, BrokenVoice)]

    def report(self) -> None:
        """Log what an operator should know at start-up."""
        if not self.profiles():
            log.warning("There are no voices of your own: %s holds no folder with clips", self._folders[0])
        for fault in self.faults():
            log.warning("%s", fault.message)

    def resolve(
        self, voice: str, style: str | Mapping[str, float] | None = None, *, speakers: Sequence[str] = ()
    ) -> Voice:
        """What the runner needs to synthesize in `voice`: a folder's, or else one of the checkpoint's `speakers`, or
        else a blend of such (see blends.py).

        `style`: None = the voice's default blend, a name = that reference alone, a mapping = those weights; of a blend
        each voice's own.
        Raises UnknownVoice, BrokenVoice for one that is not in order, StorageAway where nobody can tell whether there
        is such a voice, and InvalidInput for a style that the voice does not have or weights that blend nothing.
        """
        profile = self.find(voice)
        if profile is not None:
            try:
                return self._blended(profile, style)
            except BrokenVoice:
                if self.find(voice) is profile:
                    raise
                return self.resolve(voice, style, speakers=speakers)  # it was deleted or replaced meanwhile
        if voice not in speakers:
            if self._bucket and self._bucket.look(voice):  # it came a moment ago
                return self.resolve(voice, style, speakers=speakers)
            if (blend := parse_blend(voice)) is not None:
                return self._mixed(blend, style, speakers)
            raise self._unknown(voice, speakers)
        if style is not None:
            raise InvalidInput(f"{voice!r} is a speaker of the model and has no styles.", param="style")
        return Voice.of_speaker(voice)

    def _mixed(self, blend: Blend, style: str | Mapping[str, float] | None, speakers: Sequence[str]) -> Voice:
        total = sum(weight for _, weight in blend)
        return Voice(
            tuple(
                replace(reference, weight=reference.weight * weight / total)
                for name, weight in blend
                for reference in self.resolve(name, style, speakers=speakers).references
            )
        )

    def by_style(self, profile: VoiceProfile) -> dict[str, Voice]:
        """Each style as a voice of its own. Raises what `resolve` raises: the voice may be gone by now."""
        return {style: self.resolve(profile.name, style) for style in profile.styles}

    def _blended(self, profile: VoiceProfile, style: str | Mapping[str, float] | None) -> Voice:
        if style is None:
            blend = profile.default_blend
        else:
            try:
                blend = normalise({style: 1.0} if isinstance(style, str) else style, profile.styles)
            except BadBlend as error:
                raise InvalidInput(f"Voice {profile.name!r}: {error}.", param="style") from error
        return Voice(tuple(self._reference(profile, style, weight) for style, weight in blend.items()))

    def _reference(self, profile: VoiceProfile, style: str, weight: float) -> Reference:
        clip = profile.styles[style]
        try:
            return Reference(str(clip), self._digest(clip), weight, style if profile.checkpoint else None)
        except OSError as error:
            raise BrokenVoice(
                f"Voice {profile.name!r} cannot be used: {clip.name} cannot be read ({error.strerror}).",
                param="voice",
            ) from error

    def _digest(self, clip: Path | StoredClip) -> str:
        if isinstance(clip, StoredClip):
            return clip.digest
        stamp = _stamp(clip.stat())
        known = self._digests.get(clip)
        if known is None or known[0] != stamp:
            if len(self._digests) > MOST_KNOWN:
                self._digests.clear()
            known = self._digests[clip] = stamp, hashlib.sha256(clip.read_bytes()).hexdigest()
        return known[1]

    def _all(self) -> list[VoiceProfile | BrokenVoice]:
        entries = [entry for folder in self._folders if folder.is_dir() for entry in folder.iterdir()]
        names = {composed(entry.name) for entry in entries if entry.is_dir() and entry.name[0] not in "._"}
        if self._bucket:
            names |= self._bucket.names()
        return [found for name in sorted(names) if (found := self._found(name)) is not None]

    def _found(self, name: str) -> VoiceProfile | BrokenVoice | None:
        if not is_name(composed(name)):
            return BrokenVoice(f"Voice {name!r} cannot be used: {NAME_RULE}.", param="voice")
        try:
            return self.find(name)
        except BrokenVoice as broken:
            return broken

    def find(self, name: str) -> VoiceProfile | None:
        """None when there is no such voice. Raises BrokenVoice when it is not in order."""
        folder = self._folder_of(name)
        if folder is None:
            return self._bucket.find(name) if self._bucket else None
        stamps = _stamps(folder)
        known = self._profiles.get(folder)
        if known is None or known[0] != stamps:
            if len(self._profiles) > MOST_KNOWN:
                self._profiles.clear()
            try:
                known = self._profiles[folder] = stamps, read_voice(folder)
            except BrokenVoice:
                if stamps and _stamps(folder) == stamps:
                    raise
                return self.find(name)  # it was deleted or replaced while it was read
        return known[1]

    def leading(self, name: str) -> VoiceProfile | None:
        """The voice whose language, respellings and loudness count: the one of that name, or else the first of a blend.

        None for a speaker of the checkpoint, which has none of these. Raises BrokenVoice.
        """
        profile = self.find(name)
        if profile is None and (blend := parse_blend(name)) is not None:
            return self.find(blend[0][0])
        return profile

    def holds(self, name: str) -> bool:
        """Whether there is such a voice, in order or not."""
        return self._folder_of(name) is not None or (self._bucket is not None and self._bucket.holds(name))

    def _folder_of(self, name: str) -> Path | None:
        """Where the voice lies, in order or not. The rule for names keeps it inside of the library's folders."""
        if not is_name(composed(name)):
            return None
        spelled = dict.fromkeys(unicodedata.normalize(form, name) for form in ("NFC", "NFD"))  # some copies change it
        there = (folder / each for folder in self._findable for each in spelled)
        return next((folder for folder in there if folder.is_dir()), None)

    def _unknown(self, name: str, speakers: Sequence[str]) -> UnknownVoice:
        names = ", ".join(self.names(speakers)) or "none"
        return UnknownVoice(f"There is no voice {name!r}. There are: {names}.", param="voice")


def voices_of(config: ServerConfig) -> tuple[VoiceStore | BucketVoices, VoiceLibrary]:
    """Where uploads go, and all voices that can be asked for. Says what an operator should know of them."""
    store: VoiceStore | BucketVoices
    if config.bucket:
        store = BucketVoices(Storage(config.bucket), config.uploads_dir)
        library = VoiceLibrary(config.voices_dir, bucket=store, unlisted=config.visitors_dir)
        store.watch()
    else:
        store = VoiceStore(config.uploads_dir)
        library = VoiceLibrary(config.voices_dir, config.uploads_dir, unlisted=config.visitors_dir)
        store.sweep()
    library.report()
    return store, library


def _stamp(status: os.stat_result) -> Stamp:
    return status.st_ino, status.st_mtime_ns, status.st_size


def _stamps(folder: Path) -> dict[str, Stamp]:
    """One for the folder and one for each file, as a folder's clock is too coarse to distinguish two copies.

    None at all when it is gone.
    """
    stamps: dict[str, Stamp] = {}
    with suppress(OSError):  # gone meanwhile, or not ours to read: who reads the folder next raises it
        stamps[""] = _stamp(folder.stat())
        stamps |= {file.name: _stamp(file.lstat()) for file in folder.iterdir()}
    return stamps
