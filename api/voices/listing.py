"""What a caller may know of the voices: their kinds, styles, clips, blends, and what is poor about them."""

from pathlib import Path
from threading import Lock
from typing import Literal

from pydantic import BaseModel, Field, computed_field

from api.errors import UnknownVoice
from api.voices import clip_judge
from api.voices.bucket import BucketVoices
from api.voices.clip_judge import ClipFacts, Verdict, judge
from api.voices.folder import BrokenVoice, StoredClip, VoiceProfile
from api.voices.library import VoiceLibrary
from api.voices.store import VoiceStore
from runners.errors import InvalidInput
from runners.types import ModelCard, Reference

NO_LANGUAGE = "no language is set: requests that name none use the server's default."


class StyleDescription(BaseModel):
    file: str
    sha256: str = Field(description="Of the file as it came.")
    clip: ClipFacts | None = Field(description="null: latents, or a clip that cannot be read; see the warnings.")


class VoiceDescription(BaseModel):
    name: str
    kind: Literal["folder", "uploaded", "speaker"] = Field(
        description="The operator's own, uploaded here, or stored in the model. Of equal names the first counts."
    )
    language: str | None = None
    styles: dict[str, StyleDescription] = Field(default={}, description="By name. A speaker has none.")
    default_blend: dict[str, float] = Field(default={}, description="What counts how much when no style is asked for.")
    licence: str | None = None
    warnings: list[str] = []

    @computed_field(description="The name again, for livekit-plugins-xtts, as the next.")  # type: ignore[prop-decorator]
    @property
    def voice_id(self) -> str:
        return self.name

    @computed_field  # type: ignore[prop-decorator]
    @property
    def category(self) -> Literal["premade", "cloned"]:
        return "premade" if self.kind == "speaker" else "cloned"


class VoiceList(BaseModel):
    voices: list[VoiceDescription]
    broken: list[str] = Field(description="Folders that are no usable voice, and why.")


class Limits(BaseModel):
    """Within the inner bounds a clip is good, outside of the outer ones it is refused."""

    speech_seconds: tuple[float, ...] = (clip_judge.SPEECH[0], *clip_judge.GOOD_SPEECH, clip_judge.SPEECH[1])
    snr_db: tuple[float, ...] = clip_judge.SNR
    clipped: tuple[float, ...] = clip_judge.CLIPPED
    level_db: float = clip_judge.QUIET
    sample_rate: int = clip_judge.MODEL_RATE


class Judgement(BaseModel):
    facts: ClipFacts | None = Field(description="null: the clip cannot be read.")
    faults: list[str] = Field(description="Why it would be refused.")
    warnings: list[str]
    limits: Limits = Limits()


class VoiceListing:
    """May be shared by threads. Blocks while it judges clips that are new to it, one at a time."""

    def __init__(self, library: VoiceLibrary, store: VoiceStore | BucketVoices, verdicts: dict[str, Verdict]) -> None:
        """`verdicts`: of clips that were judged already, by their digests. Others are added."""
        self._library = library
        self._store = store
        self._verdicts = verdicts
        self._judging = Lock()

    def all(self, model: ModelCard) -> VoiceList:
        profiles = self._library.profiles()
        names = {profile.name for profile in profiles}
        speakers = [_speaker(name) for name in model.speakers if name not in names]
        broken = [fault.message for fault in self._library.faults()]
        described = []
        for profile in profiles:
            try:
                described.append(self._described(profile, model))
            except BrokenVoice as fault:  # its clips cannot be opened
                broken.append(fault.message)
            except (UnknownVoice, InvalidInput):  # deleted or replaced while it was described
                continue
        return VoiceList(voices=[*described, *speakers], broken=broken)

    def one(self, name: str, model: ModelCard) -> VoiceDescription:
        """Raises UnknownVoice and BrokenVoice."""
        if (profile := self._library.find(name)) is not None:
            return self._described(profile, model)
        self._library.resolve(name, speakers=model.speakers)
        return _speaker(name)

    def _described(self, profile: VoiceProfile, model: ModelCard) -> VoiceDescription:
        uploaded = self._store.owns(profile)
        warnings = [] if profile.language else [NO_LANGUAGE]
        if not uploaded and self._store.holds(profile.name):
            warnings.append("it hides an uploaded voice of the same name.")
        if profile.checkpoint not in (None, model.checkpoint):
            warnings.append("its latents were made by another checkpoint, so this model cannot use it.")
        styles = {}
        for style, voice in self._library.by_style(profile).items():
            (reference,) = voice.references
            clip = profile.styles[style]
            verdict = clip.verdict if isinstance(clip, StoredClip) else self._verdict(reference)
            warnings += [f"{style}: {sentence}" for sentence in (*verdict.faults, *verdict.warnings)]
            styles[style] = StyleDescription(file=clip.name, sha256=reference.digest, clip=verdict.facts)
        return VoiceDescription(
            name=profile.name,
            kind="uploaded" if uploaded else "folder",
            language=profile.language,
            styles=styles,
            default_blend=dict(profile.default_blend),
            licence=profile.licence,
            warnings=warnings,
        )

    def _verdict(self, reference: Reference) -> Verdict:
        if reference.style is not None:
            return Verdict(None)
        if (known := self._verdicts.get(reference.digest)) is not None:
            return known
        with self._judging:
            if reference.digest not in self._verdicts:
                try:
                    self._verdicts[reference.digest] = judge(Path(reference.path).read_bytes())
                except OSError as error:  # deleted meanwhile, or not ours to read
                    return Verdict(None, (f"the clip cannot be read ({error.strerror}).",))
            return self._verdicts[reference.digest]


def _speaker(name: str) -> VoiceDescription:
    return VoiceDescription(name=name, kind="speaker")
