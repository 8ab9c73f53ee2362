"""Cuts a chapter: into paragraphs where lines are blank, and those into passages at the ends of sentences.

A passage is what the engine is given at once. Where a small letter follows, no sentence is taken to end. Knows no
voices.
"""

import re
from collections.abc import Iterator
from itertools import pairwise
from math import ceil

from runners.text.sentences import sentence_ends
from runners.text.splitting import split

PASSAGE = 500  # characters: half a minute of speech
SHORT = 8  # characters: a model may babble after such a sentence, so it goes with the next

_BLANK_LINES = re.compile(r"\n[^\S\n]*(?:\n[^\S\n]*)+")
_NEXT = re.compile(r"[^\w]*([^\W\d_])")


def paragraphs(text: str) -> list[str]:
    """What blank lines part, each stripped and with something in it."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    return [paragraph.strip() for paragraph in _BLANK_LINES.split(lines) if paragraph.strip()]


def passages(text: str, language: str, limit: int = PASSAGE) -> list[str]:
    """The text in order, in parts of at most `limit` characters and about equal length. Only white space is lost."""
    if len(text) <= limit:
        return [text]
    found, passage, left = [], "", len(text)
    for sentence in _within(limit, _sentences(text, language)):
        longer = passage + sentence
        share = left / ceil(left / limit)  # an even one of what is left: no crumb remains for the last
        if passage and (len(longer.strip()) > limit or len(longer) - share > share - len(passage)):
            found.append(passage)
            left = max(left - len(passage), 1)
            longer = sentence
        passage = longer
    return [each.strip() for each in (*found, passage) if each.strip()]


def sentences(text: str, language: str) -> list[str]:
    """The text in order, at least one. Only white space is lost."""
    found: list[str] = []
    open_ended = ""
    for sentence in _sentences(text, language):
        open_ended += sentence
        if len(open_ended.strip()) > SHORT:
            found.append(open_ended.strip())
            open_ended = ""
    if rest := open_ended.strip():
        found[-1:] = [f"{found[-1]} {rest}" if found else rest]
    return found or [text]


def _within(limit: int, sentences: Iterator[str]) -> Iterator[str]:
    for sentence in sentences:
        if len(sentence.strip()) <= limit:
            yield sentence
        else:
            yield from (f" {part}" for part in split(sentence, limit))


def _sentences(text: str, language: str) -> Iterator[str]:
    """With the white space before them."""
    marked = sentence_ends(f"{text} ", language.lower().partition("-")[0])
    ends = {*marked, *(gap.end() for gap in _BLANK_LINES.finditer(text))}
    inside = sorted(end for end in ends if end < len(text) and not _goes_on(text, end))
    yield from (text[start:end] for start, end in pairwise([0, *inside, len(text)]))


def _goes_on(text: str, end: int) -> bool:
    """`"Really?" she asked.`"""
    following = _NEXT.match(text, end)
    return following is not None and following[1].islower()
