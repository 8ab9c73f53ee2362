"""Character error rates."""

import re
import unicodedata
from collections.abc import Sequence


def plain(text: str) -> str:
    """What of a text can be heard: lower-case letters and digits, and single spaces between words."""
    text = unicodedata.normalize("NFC", text).lower().replace("'", "").replace("’", "")
    return " ".join(re.findall(r"[^\W_]+", text))


def distance(first: str, second: str) -> int:
    """Levenshtein's: the fewest characters to put in, take out or replace."""
    row = list(range(len(second) + 1))
    for place, character in enumerate(first, start=1):
        before, row[0] = row[0], place
        for other, wanted in enumerate(second, start=1):
            before, row[other] = row[other], min(row[other] + 1, row[other - 1] + 1, before + (character != wanted))
    return row[-1]


def error_rate(wanted: Sequence[str], heard: Sequence[str]) -> float:
    """Of all texts together, a percentage. A text counts at most its own length: babble is one failure."""
    pairs = [(plain(text), plain(other)) for text, other in zip(wanted, heard, strict=True)]
    wrong = sum(min(distance(text, other), len(text)) for text, other in pairs)
    return 100 * wrong / max(sum(len(text) for text, _ in pairs), 1)
