"""Cuts text that is still coming into pieces that can be said already. Knows no audio."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Final

from runners.text.sentences import sentence_ends
from runners.text.splitting import BRIEF, clause_ends

LONG: Final = 200  # characters without the end of a sentence: a clause's end has to do
ENDLESS: Final = 400  # characters without any: a space has to do


@dataclass(frozen=True, slots=True)
class Clause:
    text: str
    span: tuple[int, int]  # characters of the utterance's text


class Clauses:
    """Of one utterance. The first piece is a clause, so that it sounds soon; the others are whole sentences."""

    def __init__(self, language: str = "") -> None:
        """`language`: a code, which tells abbreviations; empty where it is not known."""
        self._code = language.lower().partition("-")[0]
        self._text = ""  # not yet in a piece
        self._at = 0  # characters before it
        self._first = True

    @property
    def waiting(self) -> int:
        """Characters."""
        return len(self._text)

    def feed(self, text: str) -> Iterator[Clause]:
        self._text += text
        while end := self._end():
            yield from self._taken(end)

    def rest(self) -> Iterator[Clause]:
        """What is left, whether it ends or not."""
        yield from self._taken(len(self._text))

    def _end(self) -> int:
        """Where the next piece ends; 0: that cannot be told yet. What decides stands behind an end, so there must be
        something behind it."""
        certain = len(self._text.rstrip())
        ends = (end for end in self._ends(certain) if BRIEF <= end < certain)
        return next(ends, 0)

    def _ends(self, certain: int) -> Iterator[int]:
        sentences = sentence_ends(self._text, self._code)
        if self._first or certain > LONG:
            yield from sorted(chain(sentences, clause_ends(self._text)))
        else:
            yield from sentences
        if certain > ENDLESS and (space := self._text.rfind(" ", BRIEF, ENDLESS)) > 0:
            yield space

    def _taken(self, end: int) -> Iterator[Clause]:
        piece, self._text = self._text[:end], self._text[end:]
        start = self._at + len(piece) - len(piece.lstrip())
        self._at += end
        if said := piece.strip():
            self._first = False
            yield Clause(said, (start, start + len(said)))
