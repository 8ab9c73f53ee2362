"""What is read out of a text that was asked for: cut at its pauses, its terms respelled, the rest put into words."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from api.passages import sentences
from runners.text.lexicon import Pronunciations, terms_for
from runners.text.mapped import MappedText
from runners.text.pauses import stretches
from runners.text.reading_out import has_something_to_say, read_out

NOTHING_SAID = 0.2  # seconds of silence for a text with nothing to say


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
    if not line.text:
        return [line]
    starts, at = list[int](), 0
    for sentence in sentences(line.text, language):
        words = re.compile(r"\s*".join(map(re.escape, sentence.split())))
        if has_something_to_say(sentence) and (place := words.search(line.text, at)):
            starts.append(place.start())
            at = place.end()
    # What has nothing to say goes with the sentence before it, or with the first.
    spans = pairwise([0, *starts[1:], len(line.text)])
    cut = [Line(line.reading.cut(start, start + len(line.text[start:stop].rstrip())), 0.0) for start, stop in spans]
    return [*cut[:-1], Line(cut[-1].reading, line.pause)]


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
