"""Cuts a long text into parts of bounded length, where a reader would breathe. Knows no tokens."""

import re
from math import ceil

_BOUNDARIES = (  # best first; a cut is made where a match ends
    re.compile(r"""(?:[!?…。！？؟।॥۔]+|\.+(?=["'»”“’)\]]*\s))["'»”“’)\]」』）》]*"""),  # sentence
    re.compile(r"(?:[،؛，；：、]|[;:—–](?=\s)|,(?!\d))+"),  # clause
    re.compile(r"(?=\s)|(?<=[1-5])(?=[a-z])"),  # word, or syllable of pinyin: each ends in its tone's digit
    re.compile(r"(?=\w)"),  # before a letter: its accents stay with it
    re.compile(r""),
)


def split(text: str, limit: int) -> list[str]:
    """The parts of `text` in order, each stripped, not empty and at most `limit` characters long.

    Only white space is lost. Each cut aims at an even share of what is left and takes the best kind of
    boundary within half a share of it, so that parts are few and none is a crumb.
    """
    parts = []
    rest = text.strip()
    while len(rest) > limit:
        cut = _cut(rest, limit)
        parts.append(rest[:cut].rstrip())
        rest = rest[cut:].lstrip()
    return [part for part in (*parts, rest) if part]


def _cut(text: str, limit: int) -> int:
    share = len(text) / ceil(len(text) / limit)
    low, high = share / 2, min(limit, len(text) - share / 2)
    window = text[: limit + 1]
    for boundary in _BOUNDARIES:
        cuts = [match.end() for match in boundary.finditer(window) if low <= match.end() <= high]
        if cuts:
            return min(cuts, key=lambda cut: abs(cut - share))
    return limit
