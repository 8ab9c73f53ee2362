"""Respellings of terms: what a request, a voice and the server's own file may say, and that file, read again when it
changes. What is done with them is in runners/text/lexicon.py."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final

import yaml
from pydantic import BeforeValidator, Field, TypeAdapter, ValidationError

from runners.text.lexicon import Pronunciations as Spelled

MOST: Final = 1000  # terms in a request, a voice or a file
LONGEST_TERM: Final = 100  # characters
LONGEST_RESPELLING: Final = 300  # characters

log = logging.getLogger(__name__)


def _checked(given: object) -> object:
    """One rule with one message: pydantic's own would name both halves of the union."""
    if given is None:
        return None
    if not isinstance(given, dict) or not all(map(_is_entry, given.items())):
        raise ValueError(
            f"must be respellings (up to {LONGEST_RESPELLING} characters) by term (1 to {LONGEST_TERM}), "
            "or such a mapping by language"
        )
    if sum(len(value) if isinstance(value, dict) else 1 for value in given.values()) > MOST:
        raise ValueError(f"may hold {MOST} terms")
    return given


def _is_entry(entry: tuple[object, object]) -> bool:
    term, value = entry
    if not isinstance(term, str) or not 0 < len(term.strip()) <= LONGEST_TERM:
        return False
    if isinstance(value, dict):
        return all(isinstance(each[1], str) and _is_entry(each) for each in value.items())
    return isinstance(value, str) and len(value) <= LONGEST_RESPELLING


Pronunciations = Annotated[
    dict[str, str | dict[str, str]] | None,
    BeforeValidator(_checked),
    Field(
        description="Respellings by term, e.g. `{'SQL': 'sequel'}`; or by language, e.g. `{'hu': {'SQL': 'eszkúel'}}`. "
        "Whole words; case counts where the term has a capital. They come before the voice's and the server's own.",
        examples=[{"SQL": "sequel"}],
    ),
]
_SHAPE: Final[TypeAdapter[dict[str, str | dict[str, str]] | None]] = TypeAdapter(Pronunciations)


class ServerLexicon:
    """The server's own file, if it has one. Threads may share it."""

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._stamp: tuple[int, int, int] | None = None
        self._terms: Spelled = {}

    @property
    def terms(self) -> Spelled:
        """As the file is now. One that cannot be used leaves what was there before, and a line in the log."""
        if self._file is None:
            return {}
        try:
            status = self._file.stat()
            stamp = status.st_ino, status.st_mtime_ns, status.st_size
            if stamp != self._stamp:
                self._stamp = stamp
                self._terms = read_lexicon(self._file)
        except (OSError, ValueError) as error:
            log.error("The lexicon %s cannot be used: %s", self._file.name, error)
        return self._terms


def read_lexicon(file: Path) -> Mapping[str, str | dict[str, str]]:
    """Raises OSError, and ValueError which says what is wrong in it."""
    try:
        return _SHAPE.validate_python(yaml.safe_load(file.read_bytes())) or {}
    except yaml.YAMLError as error:
        raise ValueError(f"it is not YAML: {error}") from error
    except ValidationError as error:
        raise ValueError(error.errors()[0]["msg"].removeprefix("Value error, ")) from error


def parse_lexicon_file(text: str) -> Path:
    """Raises ValueError, which says what would be right."""
    file = Path(text).expanduser().absolute()
    try:
        read_lexicon(file)
    except (OSError, ValueError) as error:
        raise ValueError(f"a YAML file of respellings by term or by language ({error})") from error
    return file
