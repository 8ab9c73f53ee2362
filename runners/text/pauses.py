"""Pauses that are written in a text: `[pause:1.5s]`, `[pause:300ms]` and SSML's `<break time="1s"/>`."""

import re
from dataclasses import dataclass

from runners.errors import InvalidInput
from runners.text.mapped import MappedText

LONGEST = 60.0  # seconds

_TIME = r"(\d{1,6}(?:\.\d{1,6})?)\s?(ms|s)"
_PAUSE = re.compile(rf"\[pause:\s?{_TIME}\]|<break(?P<attributes>\s[^<>]{{0,200}})?/?>(?:</break>)?", re.IGNORECASE)
_ATTRIBUTE = re.compile(rf"time\s?=\s?[\"']?{_TIME}|strength\s?=\s?[\"']?(?P<strength>[\w-]+)", re.IGNORECASE)
_STRENGTHS = {"none": 0.0, "x-weak": 0.1, "weak": 0.25, "medium": 0.5, "strong": 0.75, "x-strong": 1.0}


@dataclass(frozen=True, slots=True)
class Stretch:
    """A text up to its next pause."""

    text: MappedText
    pause: float = 0.0  # seconds after it


def stretches(text: str) -> list[Stretch]:
    """The text in order, cut at its pauses; a stretch may be empty. Raises InvalidInput for too long a pause."""
    whole, found, at = MappedText.of(text), [], 0
    for pause in _PAUSE.finditer(text):
        found.append(Stretch(whole.cut(at, pause.start()), _seconds(pause)))
        at = pause.end()
    return [*found, Stretch(whole.cut(at, len(text)) if at else whole)]


def _seconds(pause: re.Match[str]) -> float:
    if pause[1]:
        seconds = _of(pause[1], pause[2])
    else:
        found = list(_ATTRIBUTE.finditer(pause["attributes"] or ""))
        times = [_of(each[1], each[2]) for each in found if each[1]]
        strengths = [_STRENGTHS.get(each["strength"].lower(), 0.5) for each in found if each["strength"]]
        seconds = (times or strengths or [_STRENGTHS["medium"]])[0]
    if seconds > LONGEST:
        raise InvalidInput(f"{pause[0][:60]}: a pause may last {LONGEST:g} seconds.", param="text")
    return seconds


def _of(number: str, unit: str) -> float:
    return float(number) / (1000 if unit.lower() == "ms" else 1)
