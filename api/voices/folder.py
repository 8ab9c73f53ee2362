"""One folder = one voice: what its `voice.yaml` and its clips are. Reads no audio and knows no other voice.

Without a `voice.yaml`, or with one that lists no references, every audio file in the folder is a reference
and its style is the file's name without the ending. A voice that came without its recordings has a
`latents.safetensors` in their place, and that file's styles. What their names may be:
api/names.py.
"""

import math
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from api.names import NAME_RULE, composed, is_name
from api.voices.clip_judge import Verdict
from api.voices.settings import SETTINGS_FILE, Fault, VoiceSettings, read_settings
from runners.conditioning.voice_file import VoiceLatents
from runners.errors import SpeechError, UnreadableLatents

LATENTS_FILE = "latents.safetensors"
AUDIO = re.compile(r"[^.].*\.(aac|aiff?|amr|caf|flac|m4a|mka|mp[34]|og[ag]|opus|wav|webm|wma)", re.IGNORECASE)


class BrokenVoice(SpeechError):
    """A voice's folder needs its owner's hand: the message names the file and the key. Others still work."""

    type = "voice_broken"


class BadBlend(ValueError):
    """Weights that blend nothing, or name a style that is not there."""


@dataclass(frozen=True, slots=True)
class StoredClip:
    """A voice's file in a bucket."""

    url: str
    digest: str  # sha256, hex
    verdict: Verdict  # of its upload

    @property
    def name(self) -> str:
        return self.url.rpartition("/")[2]

    def __str__(self) -> str:
        return self.url


@dataclass(frozen=True, slots=True)
class VoiceProfile:
    name: str
    folder: Path | None  # None: it is in a bucket
    language: str | None  # None: the request, or the server's default, names it
    styles: Mapping[str, Path | StoredClip]  # at least one: style -> clip, or the latents file for all
    default_blend: Mapping[str, float]  # style -> weight > 0; they sum to 1
    licence: str | None
    pronunciations: Mapping[str, str | Mapping[str, str]] = field(default_factory=dict)  # see runners/text/lexicon.py
    loudness: float | None = None  # LUFS that requests get unless they name another; None: as the model makes it
    checkpoint: str | None = None  # the one that made its latents file; None: clips, for any checkpoint


def read_voice(folder: Path) -> VoiceProfile:
    """Raises BrokenVoice. Its message names no path outside of the folder."""
    try:
        return check_voice(folder)
    except Fault as fault:
        raise BrokenVoice(f"Voice {folder.name!r} cannot be used: {fault}.", param="voice") from fault
    except OSError as error:
        raise BrokenVoice(
            f"Voice {folder.name!r} cannot be used: its folder cannot be read ({error.strerror}).",
            param="voice",
        ) from error


def check_voice(folder: Path) -> VoiceProfile:
    """As `read_voice`, for a folder that need not be a voice yet. Raises Fault and OSError."""
    settings = read_settings(folder / SETTINGS_FILE)
    checkpoint = None
    if (folder / LATENTS_FILE).is_file():
        checkpoint, styles = _stored(folder, settings)
    else:
        styles = _listed(folder, settings.references) if settings.references is not None else _found(folder)
    return profile_of(composed(folder.name), folder, settings, styles, checkpoint)


def profile_of(
    name: str,
    folder: Path | None,
    settings: VoiceSettings,
    styles: Mapping[str, Path | StoredClip],
    checkpoint: str | None,
) -> VoiceProfile:
    """Raises Fault."""
    blend = settings.default_blend if settings.default_blend is not None else dict.fromkeys(styles, 1.0)
    try:
        blend = normalise(blend, styles)
    except BadBlend as error:
        raise Fault(f"{SETTINGS_FILE}: default_blend: {error}") from error
    return VoiceProfile(
        name,
        folder,
        settings.language,
        styles,
        blend,
        settings.licence,
        settings.pronunciations or {},
        settings.loudness,
        checkpoint,
    )


def normalise(blend: Mapping[str, float], styles: Collection[str]) -> dict[str, float]:
    """The same blend with weights > 0 that sum to 1, in the order of `styles`. Raises BadBlend."""
    blend = {composed(style): weight for style, weight in blend.items()}
    for style, weight in blend.items():
        if style not in styles:
            raise BadBlend(f"there is no style {style!r}; there are: {', '.join(styles)}")
        if not (math.isfinite(weight) and weight >= 0):
            raise BadBlend(f"the weight of {style!r} is {weight}; a weight is a number from 0 up")
    largest = max(blend.values(), default=0)
    if largest == 0:
        raise BadBlend("at least one style needs a weight above 0")
    # Divided by the largest first: the sum of very large weights would be infinite.
    scaled = {style: blend[style] / largest for style in styles if style in blend}
    total = sum(scaled.values())
    return {style: weight / total for style, weight in scaled.items() if weight / total > 0}


def _stored(folder: Path, settings: VoiceSettings) -> tuple[str, dict[str, Path]]:
    """Who made the latents file, and its styles in its order."""
    file = folder / LATENTS_FILE
    if settings.references is not None or any(AUDIO.fullmatch(clip.name) for clip in folder.iterdir()):
        raise Fault(f"{file.name}: its folder holds clips too; keep one or the other")
    try:
        stored = VoiceLatents.unpack(file.read_bytes())
    except UnreadableLatents as error:
        raise Fault(f"{file.name}: {error.message.removesuffix('.')}") from error
    for style in stored.styles:
        if not is_name(style):
            raise Fault(f"{file.name}: style {style!r}: {NAME_RULE}")
    return stored.checkpoint, dict.fromkeys(stored.styles, file)


def _listed(folder: Path, references: Mapping[str, str]) -> dict[str, Path]:
    if not references:
        raise Fault(f"{SETTINGS_FILE}: references: at least one is needed, or leave the key out")
    for style, file in references.items():
        key = f"{SETTINGS_FILE}: references.{style}"
        if not is_name(composed(style)):
            raise Fault(f"{key}: {NAME_RULE}")
        if file in ("", ".", "..") or Path(file).name != file:
            raise Fault(f"{key}: {file!r} is not the name of a file in this folder")
        if not (folder / file).is_file():
            raise Fault(f"{key}: there is no file {file!r} in this folder")
    return {composed(style): folder / file for style, file in references.items()}


def _found(folder: Path) -> dict[str, Path]:
    styles: dict[str, Path] = {}
    for clip in sorted(folder.iterdir()):
        if not AUDIO.fullmatch(clip.name) or not clip.is_file():
            continue
        style = composed(clip.stem)
        if not is_name(style):
            raise Fault(f"{clip.name}: {NAME_RULE}; rename it, or name its style in {SETTINGS_FILE}")
        if style in styles:
            raise Fault(f"{clip.name}: {styles[style].name} has the same style already")
        styles[style] = clip
    if not styles:
        raise Fault("there is no audio file in its folder")
    return styles
