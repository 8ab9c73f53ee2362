"""Texts and how a native reader reads them, by language and class: pairs/*.yaml. More than one reading may be right."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import yaml

from runners.text.mapped import MappedText
from runners.text.reading_out import read_out

FOLDER = Path(__file__).parent / "pairs"
LANGUAGES = sorted(file.stem for file in FOLDER.glob("*.yaml"))


class Pair(NamedTuple):
    language: str
    kind: str
    text: str
    readings: list[str]


def pairs(language: str) -> Iterator[Pair]:
    for kind, texts in yaml.safe_load((FOLDER / f"{language}.yaml").read_text("utf-8")).items():
        for text, readings in texts.items():
            yield Pair(language, kind, str(text), [readings] if isinstance(readings, str) else readings)


def plain(reading: str) -> str:
    """As it sounds: case and the number of spaces do not count."""
    return " ".join(reading.lower().split())


def read(pair: Pair) -> str:
    return read_out(MappedText.of(pair.text), pair.language, {}).text


def is_right(pair: Pair, reading: str) -> bool:
    return plain(reading) in map(plain, pair.readings)
