"""Cuts a chapter: into paragraphs where lines are blank, and those into passages at the ends of sentences.

A passage is what the engine is given at once. Sentences are found by `sentencex`, which knows the abbreviations of the
model's 17 languages; doubtful ends are not cut at, because a passage has plenty of others. Knows no voices.
"""

import re
from collections.abc import Iterator
from math import ceil

import sentencex

from runners.text.splitting import split

PASSAGE = 500  # characters: half a minute of speech
SHORT = 8  # characters: a model may babble after such a sentence, so it goes with the next
BLOCK = 5_000  # characters that sentences are sought in at once; on odd texts the time goes with the square of it

_BLANK_LINES = re.compile(r"\n[^\S\n]*(?:\n[^\S\n]*)+")
_SHORT_WORD = re.compile(r"(?:^|[^\w.])(\w{1,3}|\d+|\w+(?:\.\w+)+)\.\s*$")  # an initial, an ordinal, an abbreviation
_LOWER_NEXT = re.compile(r"[^\w]*[^\W\d_]")


def paragraphs(text: str) -> list[str]:
    """What blank lines part, each stripped and with something in it."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    return [paragraph.strip() for paragraph in _BLANK_LINES.split(lines) if paragraph.strip()]


def passages(text: str, language: str, limit: int = PASSAGE) -> list[str]:
    """The text in order, in parts of at most `limit` characters and about equal length. Only white space is lost."""
    if len(text) <= limit:
        return [text]
    found, passage, left = [], "", len(text)
    for sentence in _sentences(text, language, limit):
        longer = passage + sentence
        share = left / ceil(left / limit)  # an even one of what is left: no crumb remains for the last
        if passage and (len(longer.rstrip()) > limit or len(longer) - share > share - len(passage)):
            found.append(passage)
            left = max(left - len(passage), 1)
            longer = sentence
        passage = longer
    return [each.strip() for each in (*found, passage) if each.strip()]


def sentences(text: str, language: str) -> list[str]:
    """The text in order, at least one. Only white space is lost."""
    found: list[str] = []
    open_ended = ""
    for sentence in _sentences(text, language, BLOCK):
        open_ended += sentence
        if len(open_ended.strip()) > SHORT:
            found.append(open_ended.strip())
            open_ended = ""
    if rest := open_ended.strip():
        found[-1:] = [f"{found[-1]} {rest}" if found else rest]
    return found or [text]


def _sentences(text: str, language: str, limit: int) -> Iterator[str]:
    """With the white space after them, none longer than `limit` without it."""
    for block in split(text, BLOCK):
        for sentence in _whole(sentencex.segment(language.partition("-")[0], f"{block} ")):
            if len(sentence.rstrip()) <= limit:
                yield sentence
            else:
                yield from (f"{part} " for part in split(sentence, limit))


def _whole(sentences: list[str]) -> Iterator[str]:
    """Joined again where it is doubtful that a sentence ends."""
    sentence = ""
    for following in sentences:
        if sentence and not _doubtful(sentence, following):
            yield sentence
            sentence = ""
        sentence += following
    if sentence:
        yield sentence


def _doubtful(sentence: str, following: str) -> bool:
    if (begin := _LOWER_NEXT.match(following)) and begin[0][-1].islower():
        return True
    word = _SHORT_WORD.search(sentence)
    return word is not None and (word[1].isdigit() or word[1].lower() != word[1].upper())  # a script with capitals
