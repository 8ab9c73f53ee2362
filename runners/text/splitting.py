"""Cuts a long text into parts of bounded length, where a reader would breathe. Knows no tokens."""

import re
from collections.abc import Iterable
from math import ceil

from runners.text.sentences import sentence_ends

BRIEF = 20  # characters of a first part at least, where it is to be short

_CLAUSE = re.compile(r"(?:[،؛，；：、]|[;:—–](?=\s)|,(?!\d))+")  # a cut is made where a match ends
_WORD = re.compile(r"(?=\s)|(?<=[1-5])(?=[a-z])")  # or syllable of pinyin: each ends in its tone's digit
_LETTER = re.compile(r"(?=\w)")  # before one: its accents stay with it
_ANY = re.compile(r"")


def split(text: str, limit: int, code: str = "") -> list[str]:
    """The parts of `text` in order, each stripped, not empty and at most `limit` characters long.

    Only white space is lost. Each cut aims at an even share of what is left and takes the best kind of boundary within
    half a share of it, so that parts are few and none is a crumb. `code`: the language's, whose abbreviations end no
    sentences.
    """
    return [text[start:stop] for start, stop in cuts(text, limit, code)]


def cuts(text: str, limit: int, code: str = "", *, brief_start: bool = False) -> list[tuple[int, int]]:
    """As `split`, the places of the parts. With `brief_start`, the first of several is the first clause of BRIEF
    characters or more."""
    found = []
    at, end = _stripped(text, 0, len(text))
    brief = brief_start and end - at > limit
    while end - at > limit:
        cut = at + (_brief(text[at : at + limit], code) if brief else 0)
        if cut == at:
            cut = at + _cut(text[at:end], limit, code)
        brief = False
        found.append(_stripped(text, at, cut))
        at, end = _stripped(text, cut, end)
    return [(start, stop) for start, stop in (*found, (at, end)) if start < stop]


def clause_ends(text: str) -> Iterable[int]:
    """Each place where a clause ends within a sentence, after its sign."""
    return (match.end() for match in _CLAUSE.finditer(text))


def _stripped(text: str, start: int, stop: int) -> tuple[int, int]:
    while start < stop and text[start].isspace():
        start += 1
    while stop > start and text[stop - 1].isspace():
        stop -= 1
    return start, stop


def _brief(text: str, code: str) -> int:
    """Where the first clause of BRIEF characters or more ends; 0 if none does in the first half."""
    ends = (*sentence_ends(text, code), *clause_ends(text))
    return min((end for end in ends if BRIEF <= end <= len(text) // 2), default=0)


def _cut(text: str, limit: int, code: str) -> int:
    share = len(text) / ceil(len(text) / limit)
    low, high = share / 2, min(limit, len(text) - share / 2)
    window = text[: limit + 1]
    for ends in _boundaries(window, code):
        inside = [end for end in ends if low <= end <= high]
        if inside:
            return min(inside, key=lambda end: abs(end - share))
    return limit


def _boundaries(window: str, code: str) -> Iterable[Iterable[int]]:
    """Best first: sentences, clauses, words, letters."""
    yield sentence_ends(window, code)
    for pattern in (_CLAUSE, _WORD, _LETTER, _ANY):
        yield (match.end() for match in pattern.finditer(window))
