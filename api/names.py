"""What people may call voices, styles and samples: names in their own letters, which are names of files, too.

A letter that can be written in two ways (é as one character, or as e and an accent) is one letter: names are compared
and stored as NFC.
"""

import unicodedata
from typing import Final

LONGEST: Final = 64  # characters of a voice's or a style's name
LARGEST: Final = 200  # bytes in UTF-8: file systems take 255, with an ending
SIGNS: Final = frozenset(" ._-'’()")
NAME_RULE: Final = (
    f"a name is up to {LONGEST} letters of any script, digits, spaces and . _ - ' ( ), and starts with a letter or a "
    "digit"
)


def composed(name: str) -> str:
    return unicodedata.normalize("NFC", name)


def is_name(text: str, longest: int = LONGEST) -> bool:
    """Whether a composed text may be a name. One that may leads out of no folder and is hidden in none."""
    return (
        0 < len(text) <= longest
        and text.isprintable()
        and len(text.encode()) <= LARGEST
        and text == composed(text)
        and _kind(text[0]) in "LN"
        and text[-1] != " "
        and all(character in SIGNS or _kind(character) in "LMN" for character in text)
    )


def _kind(character: str) -> str:
    return unicodedata.category(character)[0]
