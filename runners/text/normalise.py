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
from runners.text.signs import SILENT, read_sign
from runners.text.slavic import Slavic
from runners.text.times import read_time
from runners.text.words import read_word

LANGUAGES: dict[str, type[Language]] = {"en": English, "hu": Hungarian, "pl": Slavic, "cs": Slavic}

_CAPITALS = "".join(char for char in map(chr, range(0x530)) if char.isupper()) + "²³¹½⅓⅔¼¾⅕⅛"
_PLAIN = re.compile(  # words as words are written, and what stands between them
    rf"\s+|(?P<word>[^\W\d_]?(?:(?![{_CAPITALS}])[^\W\d_]|[{MARKS}])++)(?!['’]?[\w.@/:²³-]\S|[°º]|\.\Z|\.\s)"
)
_CROWD = re.compile(r"\S{200,}")  # nobody writes so, but for addresses
_LATIN_CROWD = re.compile(r"[!-~\u00a1-\u02ff]{200,}")
_DIGITS = re.compile(r"\d+")
_TOKEN = re.compile(r"[^\W\d_²³¹½⅓⅔¼¾⅕⅛]+|.", re.DOTALL)

_FIRST: dict[str, tuple[Reader, ...]] = {
    "hu": (read_hungarian_date, read_hungarian_time, read_hungarian_ordinal),
    "en": (read_clock,),
}
_LAST: dict[str, tuple[Reader, ...]] = {"en": (read_year,)}
_WORDS: dict[str, tuple[Reader, ...]] = {"hu": (read_hungarian_roman,)}


_NEXT = re.compile(r"\d+(.?)", re.DOTALL)
_SPACE = frozenset(" \u00a0\u202f\u2009")
_ENDS = frozenset(',;!?)]}"\n')


def _figures(code: str, follows: str) -> tuple[Reader, ...]:
    """Those that read what begins with digits, by the sign after them."""
    first, last = _FIRST.get(code, ()), _LAST.get(code, ())
    match follows:
        case " ":
            return (*first, read_date, read_ordinal_year, read_phone, read_fraction, read_ordinal, *last, read_amount)
        case ",":
            return (*first, *last, read_amount)
        case ".":
            dotted = (read_date, read_time, read_phone, read_version, read_ordinal)
            return (read_address, *first, *dotted, *last, read_amount)
        case ":":
            return (*first, read_time, *last, read_amount)
        case "/":
            return (*first, read_date, read_phone, read_fraction, *last, read_amount)
    general = (read_date, read_ordinal_year, read_time, read_phone, read_fraction, read_ordinal)
    return (read_address, *first, *general, *last, read_amount)


def _others(code: str) -> dict[str, tuple[Reader, ...]]:
    return {
        "a": (read_address, *_WORDS.get(code, ()), read_amount, read_word),
        "": (read_address, read_phone, read_fraction, read_amount, read_sign),
    }


@lru_cache
def _readers(code: str) -> dict[str, tuple[Reader, ...]]:
    return {follows: _figures(code, follows) for follows in (" ", ",", ".", ":", "/", "0")} | _others(code)


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
    readers, signs = _readers(language.code), _signs(language.code)
    crowds = iter((_LATIN_CROWD if language.section("numbers").get("unspaced") else _CROWD).finditer(text))
    crowd = next(crowds, None)
    at = 0
    while at < len(text):
        if crowd and crowd.start() <= at:
            if at < crowd.end() and not read_address(text, at, language):
                yield from _figures_alone(text, at, crowd.end(), language)
                at = crowd.end()
            if at >= crowd.end():
                crowd = next(crowds, None)
                continue
        plain = _PLAIN.match(text, at)
        if plain and not language.is_short(plain["word"]):
            at = plain.end()
        elif not (text[at].isalnum() or text[at] == "_" or text[at] in signs):
            at += 1
        elif reading := _read(text, at, readers[_kind(text, at)], language):
            yield Edit(at, reading.stop, reading.words)
            at = reading.stop
        else:
            token = _TOKEN.match(text, at)
            assert token
            at = token.end()


def _figures_alone(text: str, start: int, stop: int, language: Language) -> Iterator[Edit]:
    """In a run that is no writing: its numbers, each by itself."""
    for figures in _DIGITS.finditer(text, start, stop):
        digits = figures[0]
        words = language.digits(digits) if len(digits) > 15 else language.cardinal(int(digits))
        yield Edit(figures.start(), figures.end(), f" {words} ")


@lru_cache
def _signs(code: str) -> frozenset[str]:
    """What signs a reader might read, or begin with."""
    language = language_of(code)
    sections = ("signs", "arithmetic", "currencies", "percent")
    return (
        frozenset("+-−±~≈(#@½⅓⅔¼¾⅕⅛²³*")
        | SILENT.keys()
        | {str(key)[0] for name in sections for key in language.section(name)}
    )


def _kind(text: str, at: int) -> str:
    char = text[at]
    if not char.isdecimal():
        return "a" if char.isalpha() or char == "_" else ""
    found = _NEXT.match(text, at)
    follows = found[1] if found else ""
    if follows in _SPACE:
        return " "
    if not follows or follows in _ENDS:
        return ","
    return follows if follows in ".:/" else "0"


def _read(text: str, at: int, readers: tuple[Reader, ...], language: Language) -> Reading | None:
    for reader in readers:
        if (reading := reader(text, at, language)) and reading.stop > at:
            return reading
    return None
