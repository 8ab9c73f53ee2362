"""What a reader of some kind of writing answers: how far it read, and the words. And what it looks at around it."""

import re
from collections.abc import Callable
from typing import NamedTuple

from runners.text.language import Language


class Reading(NamedTuple):
    stop: int  # where in the text what was read ends
    words: str


Reader = Callable[[str, int, Language], Reading | None]  # the text, and where to read; None: it is nothing of this kind

_BEFORE = re.compile(r"\W*([^\W\d_]+)")  # backwards
_NEXT = re.compile(r"[ \u00a0]([^\W\d_]+)")
MARKS = "\u0900-\u0903\u093a-\u094f\u0951-\u0957\u0962\u0963"  # vowels of Devanagari, which are no letters to Python
REACH = 40  # characters that are looked at before a place


def word_before(text: str, at: int) -> str:
    found = _BEFORE.match(text[max(0, at - REACH) : at][::-1])
    return found[1][::-1] if found else ""


def word_after(text: str, at: int) -> str:
    """The word that one space parts from what ends here."""
    found = _NEXT.match(text, at, at + REACH)
    return found[1] if found else ""


def with_ending(reading: Reading, text: str, language: Language) -> Reading:
    """`reading` with the ending that the language's mark parts from it, as a hyphen does in `1/3-a`."""
    found = language.ending.match(text, reading.stop) if language.takes_endings else None
    if found is None:
        return reading
    ending = found[1].lower() if found[1].isupper() and len(found[1]) > 1 else found[1]  # `5 KG-OS`
    if not language.is_ending(ending):
        return reading
    return Reading(found.end(), language.attach(reading.words, ending))
