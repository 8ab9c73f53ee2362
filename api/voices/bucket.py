"""Uploaded voices in a bucket that several servers share. Whole or not at all, for any of them.

    uploads/<id>/neutral.wav, ..., voice.yaml    what came, in the layout that `references/` has
    voices/<name>.json                           names the upload: with it the voice is there, without it it is gone

The second is written last, and only where there is no such name. Each server knows the voices as they were a moment
ago: a thread looks every REFRESH seconds, and a look-up never waits for the bucket. Files are read where latents are
computed. Judges nothing.
"""

import hashlib
import logging
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated, Final
from uuid import uuid4

from pydantic import BaseModel, Field, ValidationError

from api.age import age
from api.names import composed, is_name
from api.voices.clip_judge import Verdict
from api.voices.folder import BrokenVoice, StoredClip, VoiceProfile, check_voice, profile_of
from api.voices.settings import SETTINGS_FILE, Fault, VoiceSettings, read_settings
from api.voices.store import ABANDONED, Draft, VoiceStore, already_there, no_name
from runners.errors import StorageAway
from runners.storage import Storage

log = logging.getLogger(__name__)

REFRESH: Final = 2.0  # seconds
VOICES: Final = "voices"
UPLOADS: Final = "uploads"
NAMED: Final = re.compile(rb'"upload": ?"([0-9a-f]{32})"')  # in a manifest
UNJUDGED: Final = Verdict(None)


class StoredStyle(BaseModel):
    file: Annotated[str, Field(pattern=r"^[^/]+$")]  # its name in the upload
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    verdict: Verdict = UNJUDGED  # latents are not judged


class Manifest(BaseModel):
    """A voice, but for its files."""

    upload: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
    settings: VoiceSettings
    styles: dict[str, StoredStyle]  # in the order they blend in
    checkpoint: str | None = None  # the one that made its latents; None: clips

    def profile(self, name: str, storage: Storage) -> VoiceProfile:
        """Raises Fault."""
        styles = {
            style: StoredClip(storage.url_of(f"{UPLOADS}/{self.upload}/{each.file}"), each.sha256, each.verdict)
            for style, each in self.styles.items()
        }
        return profile_of(name, None, self.settings, styles, self.checkpoint)


Known = dict[str, tuple[str, VoiceProfile | BrokenVoice]]  # by name: the manifest's version, and what it says


class BucketVoices:
    """May be shared by threads."""

    def __init__(self, storage: Storage, drafts: Path) -> None:
        """`drafts`: a folder for uploads on their way in."""
        self._storage = storage
        self._drafts = VoiceStore(drafts)
        self._known: Known = {}
        self._changes = 0  # of this server's own
        self._changing = threading.Lock()  # guards the two above

    def watch(self) -> None:
        """From now on it is looked at every REFRESH seconds."""
        threading.Thread(target=self._watch, name="bucket", daemon=True).start()

    def names(self) -> set[str]:
        return set(self._known)

    def holds(self, name: str) -> bool:
        """Whether there is such a voice, in order or not."""
        return composed(name) in self._known

    def owns(self, profile: VoiceProfile) -> bool:
        return profile.folder is None

    def find(self, name: str) -> VoiceProfile | None:
        """Raises BrokenVoice."""
        _, found = self._known.get(composed(name), ("", None))
        if isinstance(found, BrokenVoice):
            raise found
        return found

    def look(self, name: str) -> bool:
        """Whether there is a voice that came since the last look. Asks the bucket; raises StorageAway."""
        if not is_name(name := composed(name)):
            return False
        try:
            self._learn(name, self._storage.read(_key(name)))
        except FileNotFoundError:
            return False
        return True

    @contextmanager
    def draft(self) -> Iterator[Draft]:
        """A new, empty draft; what has not become a voice by the end is gone. Raises StorageFailure, StorageAway."""
        self._storage.check()
        with self._drafts.draft() as draft:
            yield draft

    def publish(self, draft: Draft, name: str, verdicts: Mapping[str, Verdict] | None = None) -> None:
        """The draft becomes voice `name`. Raises VoiceExists, InvalidInput for no name, StorageAway.

        `verdicts`: of its clips, by their digests.
        """
        if not is_name(name := composed(name)):
            raise no_name(name)
        manifest = _manifest(draft, verdicts or {})
        content = manifest.model_dump_json().encode()
        for file in draft.folder.iterdir():
            self._storage.put(f"{UPLOADS}/{manifest.upload}/{file.name}", file.read_bytes())
        try:
            self._storage.put(_key(name), content, new=True)
        except FileExistsError:
            there = self._storage.read_all([_key(name)]).get(_key(name))  # None: it was deleted meanwhile
            if there != content:  # else it is ours: the answer to a first attempt was lost
                self._learn(name, there)
                with suppress(StorageAway):
                    self._remove(manifest.upload)
                raise already_there(name) from None
        self._learn(name, content)

    def delete(self, name: str) -> bool:
        """Whether there was such a voice. The others see it within REFRESH seconds. Raises StorageAway."""
        if not is_name(name := composed(name)):
            return False
        try:
            content = self._storage.read(_key(name))
        except FileNotFoundError:
            self._learn(name, None)  # another server has deleted it
            return False
        self._storage.delete(_key(name))
        self._learn(name, None)
        with suppress(ValidationError, StorageAway):  # what stays is swept away later
            self._remove(Manifest.model_validate_json(content).upload)
        return True

    def refresh(self) -> None:
        """Raises StorageAway."""
        changes, known = self._changes, self._known
        versions = {name: file.version for file in self._storage.list(VOICES) if (name := _name(file.key)) is not None}
        same = {
            name: known[name] for name, version in versions.items() if version and known.get(name, "?")[0] == version
        }
        read = self._storage.read_all(_key(name) for name in versions if name not in same)
        new = {name: (versions[name], self._read(name, read[_key(name)])) for name in versions if _key(name) in read}
        with self._changing:
            if self._changes == changes:  # else the next look is right
                self._known = same | new

    def sweep(self) -> None:
        """Remove what crashed processes left half-way. Raises StorageAway."""
        self._drafts.sweep()
        old = {
            file.key.split("/")[1]
            for file in self._storage.list(UPLOADS)
            if file.modified and age(file.modified) > ABANDONED
        }
        if not old:
            return
        keys = [file.key for file in self._storage.list(VOICES)]
        manifests = self._storage.read_all(keys)
        if len(manifests) < len(keys):
            return  # one was deleted just now
        for upload in old - {found.decode() for manifest in manifests.values() for found in NAMED.findall(manifest)}:
            log.warning("Removing an upload that was left half-way: %s", upload)
            self._remove(upload)

    def _watch(self) -> None:
        swept = False
        while True:
            try:
                self.refresh()
                if not swept:
                    self.sweep()
                    swept = True
            except StorageAway:
                pass  # the storage has said so
            except Exception:
                log.exception("The voices in %s could not be looked at", self._storage.url)
            threading.Event().wait(REFRESH)

    def _learn(self, name: str, manifest: bytes | None) -> None:
        """What is known before the next look. None: it is gone."""
        found: Known = {} if manifest is None else {name: ("", self._read(name, manifest))}
        with self._changing:
            self._changes += 1
            self._known = {other: each for other, each in self._known.items() if other != name} | found

    def _read(self, name: str, manifest: bytes) -> VoiceProfile | BrokenVoice:
        try:
            return Manifest.model_validate_json(manifest).profile(name, self._storage)
        except (ValidationError, Fault):
            return BrokenVoice(f"Voice {name!r} cannot be used: its manifest in the bucket is damaged.", param="voice")

    def _remove(self, upload: str) -> None:
        self._storage.delete_folder(f"{UPLOADS}/{upload}")


def _manifest(draft: Draft, verdicts: Mapping[str, Verdict]) -> Manifest:
    profile = check_voice(draft.folder)
    settings = read_settings(draft.folder / SETTINGS_FILE)
    styles = {}
    for style, file in profile.styles.items():
        digest = hashlib.sha256((draft.folder / file.name).read_bytes()).hexdigest()
        styles[style] = StoredStyle(file=file.name, sha256=digest, verdict=verdicts.get(digest, UNJUDGED))
    return Manifest(upload=uuid4().hex, settings=settings, styles=styles, checkpoint=profile.checkpoint)


def _key(name: str) -> str:
    return f"{VOICES}/{name}.json"


def _name(key: str) -> str | None:
    """None: the key is no manifest's."""
    name = key.removeprefix(f"{VOICES}/").removesuffix(".json")
    return name if _key(name) == key and is_name(name) else None
