"""Characters that nobody sees, or that look like others: taken out or put in place. Ordinary text stays as it is."""

import re
import unicodedata
from collections.abc import Iterator

from runners.text.mapped import Edit, MappedText

_DECOMPOSED = re.compile(
    r"\w[\u0300-\u036f]{1,8}"  # a letter and its accents
    r"|[\u1100-\u1112][\u1161-\u1175][\u11a8-\u11c2]?"  # the letters of a Korean syllable
    r"|[\u3046-\u30fd][\u3099\u309a]"  # kana and its voicing mark
    r"|[\u0627\u0648\u064a][\u0653-\u0655]"  # alef, waw or yeh and its hamza
)
_MOST_MARKS = 8  # of one letter: some scripts use three
_UNUSUAL = re.compile(
    r"[^ -~\u00a1-\u00ac\u00ae-\u02ff\u0370-\u037f\u0400-\u0482\u3041-\u3096\u4e00-\u9fff\uac00-\ud7a3]"
)


def visible(text: MappedText) -> MappedText:
    """Control characters become spaces. What is invisible or no character goes: zero-width and direction marks, soft
    hyphens, lone surrogates, private use. Letters taken apart are put together, digits of other scripts become 0 to 9.
    """
    text = text.replace(_composed(text.text))
    return text.replace(_plain(text.text))


def _composed(text: str) -> Iterator[Edit]:
    for found in _DECOMPOSED.finditer(text):
        whole = unicodedata.normalize("NFC", found[0])
        if whole != found[0]:
            yield Edit(found.start(), found.end(), whole)


def _plain(text: str) -> Iterator[Edit]:
    marks = 0
    for found in _UNUSUAL.finditer(text):
        char = found[0]
        new = _seen(char)
        if unicodedata.combining(char):
            marks = marks + 1 if found.start() and unicodedata.combining(text[found.start() - 1]) else 1
            new = char if marks <= _MOST_MARKS else ""
        if new != char:
            yield Edit(found.start(), found.end(), new)


def _seen(char: str) -> str:
    match unicodedata.category(char):
        case "Cc":
            return char if char == "\n" else " "
        case "Cf" | "Cs" | "Co" | "Cn":
            return ""
        case "Nd":
            return str(unicodedata.decimal(char))
        case _:
            return char
