"""Puts into words what is written in figures, signs and abbreviations, as people of a language read them.

One pass from left to right: at each place that is no plain word, the readers of that kind of character are asked in
turn, and what the first of them reads is said in its place. A reader looks at a bounded stretch, so the time grows with
the text's length alone.
"""

import re
from collections.abc import Iterator
from functools import lru_cache

from runners.text.addresses import read_address
from runners.text.amounts import read_amount
from runners.text.dates import read_date
from runners.text.english import English, read_clock, read_year
from runners.text.figures import read_fraction, read_ordinal, read_phone, read_version
from runners.text.figures import read_year as read_ordinal_year
from runners.text.hungarian import Hungarian
from runners.text.hungarian_dates import read_date as read_hungarian_date
from runners.text.hungarian_dates import read_ordinal as read_hungarian_ordinal
from runners.text.hungarian_dates import read_roman as read_hungarian_roman
from runners.text.hungarian_dates import read_time as read_hungarian_time
from runners.text.language import Language
from runners.text.mapped import Edit, MappedText
from runners.text.reading import MARKS, Reader, Reading
from runners.text.signs import read_sign
from runners.text.slavic import Slavic
from runners.text.times import read_time
from runners.text.words import read_word

LANGUAGES: dict[str, type[Language]] = {"en": English, "hu": Hungarian, "pl": Slavic, "cs": Slavic}

_CAPITALS = "".join(char for char in map(chr, range(0x530)) if char.isupper()) + "²³¹½⅓⅔¼¾⅕⅛"
_PLAIN = re.compile(  # words as words are written, and what stands between them
    rf"\s+|(?P<word>[^\W\d_]?(?:(?![{_CAPITALS}])[^\W\d_]|[{MARKS}])++)(?!['’]?[\w.@/:²³-]\S|[°º]|\.\Z|\.\s)"
)
_TOKEN = re.compile(r"[^\W\d_²³¹½⅓⅔¼¾⅕⅛]+|.", re.DOTALL)

_FIRST: dict[str, tuple[Reader, ...]] = {
    "hu": (read_hungarian_date, read_hungarian_time, read_hungarian_ordinal),
    "en": (read_clock,),
}
_LAST: dict[str, tuple[Reader, ...]] = {"en": (read_year,)}
_WORDS: dict[str, tuple[Reader, ...]] = {"hu": (read_hungarian_roman,)}


def _figures(code: str) -> tuple[Reader, ...]:
    general = (read_date, read_ordinal_year, read_time, read_phone, read_version, read_fraction, read_ordinal)
    return (read_address, *_FIRST.get(code, ()), *general, *_LAST.get(code, ()), read_amount)


def _signs(code: str) -> tuple[Reader, ...]:
    return (read_address, read_phone, read_fraction, read_amount, read_sign)


def _words(code: str) -> tuple[Reader, ...]:
    return (read_address, *_WORDS.get(code, ()), read_amount, read_word)


@lru_cache
def language_of(code: str) -> Language:
    """Raises FileNotFoundError for a language that has no table."""
    return LANGUAGES.get(code, Language)(code)


def normalise(text: MappedText, code: str) -> MappedText:
    """`code`: the language's, without region. A language that has no table stays as it is."""
    try:
        language = language_of(code)
    except FileNotFoundError:
        return text
    return text.replace(_edits(text.text, language))


def _edits(text: str, language: Language) -> Iterator[Edit]:
    readers = {kind: choose(language.code) for kind, choose in (("0", _figures), ("a", _words), ("", _signs))}
    at = 0
    while at < len(text):
        plain = _PLAIN.match(text, at)
        if plain and not language.is_short(plain["word"]):
            at = plain.end()
        elif reading := _read(text, at, readers[_kind(text[at])], language):
            yield Edit(at, reading.stop, reading.words)
            at = reading.stop
        else:
            token = _TOKEN.match(text, at)
            assert token
            at = token.end()


def _kind(char: str) -> str:
    return "0" if char.isdecimal() else "a" if char.isalpha() or char == "_" else ""


def _read(text: str, at: int, readers: tuple[Reader, ...], language: Language) -> Reading | None:
    for reader in readers:
        if (reading := reader(text, at, language)) and reading.stop > at:
            return reading
    return None
