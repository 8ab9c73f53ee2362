"""What is read out of a text that was asked for: cut at its pauses, its terms respelled, the rest put into words."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from runners.text.lexicon import Pronunciations, terms_for
from runners.text.mapped import MappedText
from runners.text.pauses import stretches
from runners.text.reading_out import has_something_to_say, read_out
from runners.text.sentences import sentence_ends

NOTHING_SAID = 0.2  # seconds of silence for a text with nothing to say
SHORT = 8  # characters: a model may babble after such a sentence, so it goes with the next

_BLANK_LINES = re.compile(r"\n[^\S\n]*\n")
_NEXT = re.compile(r"\W*([^\W\d_])")


@dataclass(frozen=True, slots=True)
class Line:
    """What is said in one go, and the silence after it."""

    reading: MappedText  # mapped to the text that was asked for
    pause: float  # seconds

    @property
    def text(self) -> str:
        """Empty if there is nothing to say."""
        return self.reading.text if has_something_to_say(self.reading.text) else ""

    def source(self, text: str) -> str:
        """The words of `text`, which was asked for, that are said here."""
        start, stop = self.reading.source(0, len(self.reading.text))
        return " ".join(text[start:stop].split()) if self.text else ""


def by_sentence(line: Line, language: str) -> list[Line]:
    """Its sentences in order; the pause is the last one's."""
    text = line.text
    if not text:
        return [line]
    starts = [0]
    for end in _ends(text, language):
        if _is_sentence(text[starts[-1] : end]):  # else it goes with the next
            starts.append(end)
    if len(starts) > 1 and not _is_sentence(text[starts[-1] :]):
        starts.pop()
    cut = [Line(line.reading.cut(start, stop), 0.0) for start, stop in pairwise([*starts, len(text)])]
    return [*cut[:-1], Line(cut[-1].reading, line.pause)]


def _is_sentence(text: str) -> bool:
    return len(text.strip()) > SHORT and has_something_to_say(text)


def _ends(text: str, language: str) -> list[int]:
    """Where sentences and paragraphs end inside of the text, but not before a small letter: `"Really?" she asked.`"""
    marked = sentence_ends(f"{text} ", language.lower().partition("-")[0])
    ends = {*marked, *(gap.end() for gap in _BLANK_LINES.finditer(text))}
    nexts = {end: _NEXT.match(text, end) for end in ends if end < len(text)}
    return sorted(end for end, following in nexts.items() if following is None or not following[1].islower())


def lines(text: str, language: str, sources: Sequence[Pronunciations], *, normalize: bool) -> list[Line]:
    """The text in order, at least one; none but the first is empty. `sources`: the nearest first.

    Raises InvalidInput for a pause that is too long.
    """
    terms = terms_for(language.lower().partition("-")[0], *sources)
    read: list[Line] = []
    found = stretches(text)
    for stretch in found:
        line = Line(read_out(stretch.text, language, terms, normalized=normalize), stretch.pause)
        if read and not line.text:
            read[-1] = Line(read[-1].reading, read[-1].pause + line.pause)
        else:
            read.append(line)
    if len(found) == 1 and not read[0].text:
        read = [Line(read[0].reading, NOTHING_SAID)]
    return read
