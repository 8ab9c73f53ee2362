"""One folder = one voice: what its `voice.yaml` and its clips say. Reads no audio and knows no other voice.

Without a `voice.yaml`, or with one that lists no references, every audio file in the folder is a reference
and its style is the file's name without the ending. Names of voices and styles are lower case and compared as
they are.
"""

import math
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from runners.errors import SpeechError

SETTINGS_FILE = "voice.yaml"
AUDIO = re.compile(r"[^.].*\.(aac|aiff?|amr|caf|flac|m4a|mka|mp[34]|og[ag]|opus|wav|webm|wma)", re.IGNORECASE)
NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
NAME_RULE = "a name is up to 64 of a-z, 0-9, _ and -, and starts with a letter or a digit"


class BrokenVoice(SpeechError):
    """A voice's folder needs its owner's hand: the message names the file and the key. Others still work."""

    type = "voice_broken"


class BadBlend(ValueError):
    """Weights that blend nothing, or name a style that is not there."""


@dataclass(frozen=True, slots=True)
class VoiceProfile:
    name: str
    language: str | None  # None: the request, or the server's default, has to say
    styles: Mapping[str, Path]  # at least one: style -> clip
    default_blend: Mapping[str, float]  # style -> weight > 0; they sum to 1
    licence: str | None


class _Settings(BaseModel):
    """`voice.yaml`. Every key may be left out."""

    model_config = ConfigDict(extra="forbid", strict=True)

    language: Annotated[str, Field(pattern=r"^[a-z]{2,3}(-[a-z]{2})?$")] | None = None
    references: dict[str, str] | None = None  # style -> file in the same folder
    default_blend: dict[str, float] | None = None  # style -> weight; left out = all equal
    licence: str | None = None


def read_voice(folder: Path) -> VoiceProfile:
    """Raises BrokenVoice. Its message names no path outside of the folder."""
    try:
        settings = _read_settings(folder / SETTINGS_FILE)
        styles = _listed(folder, settings.references) if settings.references is not None else _found(folder)
        blend = settings.default_blend if settings.default_blend is not None else dict.fromkeys(styles, 1.0)
        return VoiceProfile(folder.name, settings.language, styles, _default_blend(blend, styles), settings.licence)
    except _Fault as fault:
        raise BrokenVoice(f"Voice {folder.name!r} cannot be used: {fault}.", param="voice") from fault
    except OSError as error:
        raise BrokenVoice(
            f"Voice {folder.name!r} cannot be used: its folder cannot be read ({error.strerror}).",
            param="voice",
        ) from error


def normalise(blend: Mapping[str, float], styles: Collection[str]) -> dict[str, float]:
    """The same blend with weights > 0 that sum to 1, in the order of `styles`. Raises BadBlend."""
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


class _Fault(Exception):
    """What is wrong in this folder: "file: key: what"."""


def _read_settings(file: Path) -> _Settings:
    try:
        content = yaml.safe_load(file.read_bytes())
    except FileNotFoundError:
        return _Settings()
    except yaml.YAMLError as error:
        raise _Fault(f"{file.name}: {_yaml_fault(error)}") from error
    except RecursionError as error:
        raise _Fault(f"{file.name}: is nested too deeply") from error
    except (ValueError, AttributeError) as error:  # what PyYAML lets through of values such as 2001-99-99
        raise _Fault(f"{file.name}: holds a value that cannot be read: {error}") from error
    try:
        return _Settings.model_validate({} if content is None else content)
    except ValidationError as error:
        faults = [f"{'.'.join(map(str, each['loc'])) or 'the file'}: {each['msg']}" for each in error.errors()]
        raise _Fault(f"{file.name}: {'; '.join(faults)}") from error


def _yaml_fault(error: yaml.YAMLError) -> str:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        return f"line {error.problem_mark.line + 1}: {error.problem}"
    return "not YAML in UTF-8"


def _listed(folder: Path, references: Mapping[str, str]) -> dict[str, Path]:
    if not references:
        raise _Fault(f"{SETTINGS_FILE}: references: at least one is needed, or leave the key out")
    for style, file in references.items():
        key = f"{SETTINGS_FILE}: references.{style}"
        if not NAME.fullmatch(style):
            raise _Fault(f"{key}: {NAME_RULE}")
        if file in ("", ".", "..") or Path(file).name != file:
            raise _Fault(f"{key}: {file!r} is not the name of a file in this folder")
        if not (folder / file).is_file():
            raise _Fault(f"{key}: there is no file {file!r} in this folder")
    return {style: folder / file for style, file in references.items()}


def _found(folder: Path) -> dict[str, Path]:
    styles: dict[str, Path] = {}
    for clip in sorted(folder.iterdir()):
        if not AUDIO.fullmatch(clip.name) or not clip.is_file():
            continue
        if not NAME.fullmatch(clip.stem):
            raise _Fault(f"{clip.name}: {NAME_RULE}; rename it, or name its style in {SETTINGS_FILE}")
        if clip.stem in styles:
            raise _Fault(f"{clip.name}: {styles[clip.stem].name} has the same style already")
        styles[clip.stem] = clip
    if not styles:
        raise _Fault("there is no audio file in its folder")
    return styles


def _default_blend(blend: Mapping[str, float], styles: Mapping[str, Path]) -> dict[str, float]:
    try:
        return normalise(blend, styles)
    except BadBlend as error:
        raise _Fault(f"{SETTINGS_FILE}: default_blend: {error}") from error
