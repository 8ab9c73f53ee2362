"""A voice's `voice.yaml`: what may stand in it, read and written. Knows nothing of the clips beside it."""

from pathlib import Path
from typing import Annotated

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from api.pronunciations import Pronunciations
from api.wording import explained

SETTINGS_FILE = "voice.yaml"
CODE = "a language's code such as hu or zh-cn"


class Fault(Exception):
    """What is wrong in a voice's folder: "file: key: what"."""


def _plain_lines(text: str) -> str:
    """With line feeds as its only line breaks: YAML would read the rarer ones as spaces."""
    return "\n".join(text.splitlines())


class VoiceSettings(BaseModel):
    """Every key may be left out."""

    model_config = ConfigDict(extra="forbid", strict=True)

    language: Annotated[str, Field(pattern=r"^[a-z]{2,3}(-[a-z]{2})?$", max_length=6, description=CODE)] | None = None
    references: dict[str, str] | None = None  # style -> file in the same folder
    default_blend: dict[str, float] | None = None  # style -> weight; left out = all equal
    pronunciations: Pronunciations = None
    loudness: Annotated[float, Field(ge=-40, le=-5)] | None = None  # LUFS; left out = as the model makes it
    licence: Annotated[str, AfterValidator(_plain_lines)] | None = None

    def to_yaml(self) -> bytes:
        settings = self.model_dump(exclude_none=True)
        return yaml.safe_dump(settings, allow_unicode=True, sort_keys=False, encoding="utf-8")


def read_settings(file: Path) -> VoiceSettings:
    try:
        content = yaml.safe_load(file.read_bytes())
    except FileNotFoundError:
        return VoiceSettings()
    except yaml.YAMLError as error:
        raise Fault(f"{file.name}: {_yaml_fault(error)}") from error
    except RecursionError as error:
        raise Fault(f"{file.name}: is nested too deeply") from error
    except (ValueError, AttributeError) as error:  # what PyYAML lets through of values such as 2001-99-99
        raise Fault(f"{file.name}: holds a value that cannot be read: {error}") from error
    try:
        return VoiceSettings.model_validate({} if content is None else content)
    except ValidationError as error:
        raise Fault(f"{file.name}: {faults_of(error)}") from error


def faults_of(error: ValidationError) -> str:
    """What is wrong with the settings, each key by its path."""
    schema = VoiceSettings.model_json_schema()
    return "; ".join(
        f"{'.'.join(map(str, each['loc'])) or 'the file'}: {explained(each, schema)}" for each in error.errors()
    )


def _yaml_fault(error: yaml.YAMLError) -> str:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        return f"line {error.problem_mark.line + 1}: {error.problem}"
    return "not YAML in UTF-8"
