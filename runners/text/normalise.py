"""Puts into words what is written in figures, signs and abbreviations, as people of a language read them.

One pass from left to right: at each place that is no plain word, the readers of that kind of character are asked in
turn, and what the first of them reads is said in its place. A reader looks at a bounded stretch, and there are only so
many readings to a text's length: where a text is nothing but figures and signs, the rest has its numbers alone read.
"""

import re
from collections.abc import Iterator
from functools import lru_cache

from runners.text.addresses import read_address
from runners.text.amounts import read_amount
from runners.text.dates import read_date
from runners.text.english import English, read_clock, read_year
from runners.text.figures import read_fraction, read_ordinal, read_product, read_version
from runners.text.figures import read_year as read_ordinal_year
from runners.text.hungarian import Hungarian
from runners.text.hungarian_dates import read_date as read_hungarian_date
from runners.text.hungarian_dates import read_day, read_roman
from runners.text.hungarian_dates import read_ordinal as read_hungarian_ordinal
from runners.text.hungarian_dates import read_time as read_hungarian_time
from runners.text.language import TABLES, Language
from runners.text.mapped import Edit, MappedText
from runners.text.phones import read_phone
from runners.text.reading import MARKS, Reader, Reading
from runners.text.signs import SILENT, read_sign
from runners.text.slavic import Slavic
from runners.text.times import read_time
from runners.text.words import read_word

LANGUAGES: dict[str, type[Language]] = {"en": English, "hu": Hungarian, "pl": Slavic, "cs": Slavic}

_CAPITALS = "".join(char for char in map(chr, range(0x530)) if char.isupper()) + "²³¹½⅓⅔¼¾⅕⅛"
_PLACE = re.compile(  # words as words are written, and what stands between them; digits, and what follows; or one sign
    rf"(?P<plain>\s+|(?P<word>[^\W\d_]?(?:(?![{_CAPITALS}])[^\W\d_]|[{MARKS}])++)(?![^\W_]|['’]?[\w.@/:²³-]\S|[°º]|\.\Z|\.\s))"
    r"|(?P<digits>\d+)(?P<space>[ \u00a0\u202f\u2009]?)(?P<next>.?)|.",
    re.DOTALL,
)
_CROWD = re.compile(r"\S{200,}")  # nobody writes so, but for addresses
_LATIN_CROWD = re.compile(r"[!-~\u00a1-\u02ff]{200,}")
_DIGITS = re.compile(r"\d+")
_TOKEN = re.compile(r"[^\W\d_²³¹½⅓⅔¼¾⅕⅛]+|.", re.DOTALL)

READ_EVERY = 9  # characters: nobody writes more figures and signs than one in so many
_ENDS = frozenset(',;!?)]}"\n')
_FIGURES: dict[str, tuple[Reader, ...]] = {  # what may begin with digits, by what comes after them: see _kind
    " a": (read_product, read_date, read_ordinal_year, read_time, read_ordinal),
    " ": (read_product, read_phone, read_fraction),
    ",": (read_phone, read_ordinal_year),
    ".": (read_address, read_date, read_time, read_phone, read_version, read_ordinal),
    ":": (read_time,),
    "/": (read_date, read_phone, read_fraction),
    "-": (read_address, read_date, read_phone, read_ordinal),
    "0": (read_product, read_address, read_date, read_ordinal_year, read_time, read_fraction, read_ordinal),
}
_HUNGARIAN: dict[str, tuple[Reader, ...]] = {
    " a": (read_day, read_hungarian_date),
    ".": (read_day, read_hungarian_date, read_hungarian_time, read_address, read_hungarian_ordinal),
    ":": (read_hungarian_time,),
    "/": (read_hungarian_date,),
    "-": (read_day, read_hungarian_date, read_hungarian_ordinal),
}


_NEEDS: dict[Reader, tuple[str, ...]] = {  # one of these sections of the table
    read_date: ("dates",),
    read_time: ("times",),
    read_ordinal: ("ordinal marks", "dotted ordinals"),
    read_ordinal_year: ("years", "ordinals after"),
}


@lru_cache
def _readers(language: Language) -> dict[str, tuple[Reader, ...]]:
    """By the kind of place."""
    figures = {
        kind: tuple(each for each in readers if each not in _NEEDS or any(map(language.section, _NEEDS[each])))
        for kind, readers in _FIGURES.items()
    }
    if language.code == "hu":
        figures = {kind: (*_HUNGARIAN.get(kind, (read_day,)), *readers) for kind, readers in figures.items()}
    elif language.code == "en":
        figures = {kind: (read_clock, *readers, read_year) for kind, readers in figures.items()}
        figures[","] += (read_ordinal,)  # `1,000th`
    return {kind: (*readers, read_amount) for kind, readers in figures.items()} | {
        "a": (read_address, *((read_roman,) if language.code == "hu" else ()), read_amount, read_word),
        "": (read_address, read_phone, read_fraction, read_amount, read_sign),
    }


@lru_cache
def language_of(code: str) -> Language | None:
    """None for a language that has no table. `code`: without region."""
    return LANGUAGES.get(code, Language)(code) if (TABLES / f"{code}.yaml").is_file() else None


def normalise(text: MappedText, code: str) -> MappedText:
    """`code`: the language's, without region. A language that has no table stays as it is."""
    language = language_of(code)
    return text.replace(_edits(text.text, language)) if language else text


def _edits(text: str, language: Language) -> Iterator[Edit]:
    readers, signs = _readers(language), _signs(language)
    crowds = iter((_LATIN_CROWD if language.section("numbers").get("unspaced") else _CROWD).finditer(text))
    crowd = next(crowds, None)
    at, left = 0, 100 + len(text) // READ_EVERY
    while at < len(text):
        if left == 0:
            yield _figures_alone(text, at, len(text), language)
            return
        if crowd and crowd.start() <= at:
            if at < crowd.end() and not read_address(text, at, language):
                yield _figures_alone(text, at, crowd.end(), language)
                at = crowd.end()
            if at >= crowd.end():
                crowd = next(crowds, None)
                continue
        place = _PLACE.match(text, at)
        assert place
        if place["plain"] and not language.is_short(place["word"]):
            at = place.end()
        elif not (place["digits"] or text[at].isalnum() or text[at] == "_" or text[at] in signs):
            at += 1
        elif reading := _read(text, at, readers[_kind(place)], language):
            yield Edit(at, *reading)
            at, left = reading.stop, left - 1
        else:
            left -= 1
            token = _TOKEN.match(text, at)
            assert token
            at = token.end()


def _figures_alone(text: str, start: int, stop: int, language: Language) -> Edit:
    """A run that is no writing: its numbers in words, each by itself."""

    said: dict[str, str] = {}

    def words(found: re.Match[str]) -> str:
        digits = found[0]
        if digits not in said:
            alone = len(digits) > 15 or len(digits) == 1
            said[digits] = f" {language.digits(digits) if alone else language.cardinal(int(digits))} "
        return said[digits]

    return Edit(start, stop, _DIGITS.sub(words, text[start:stop]))


@lru_cache
def _signs(language: Language) -> frozenset[str]:
    """What signs a reader might read, or begin with."""
    sections = ("signs", "arithmetic", "currencies", "percent")
    return (
        frozenset("+-−–!<>*/±~≈(#@:½⅓⅔¼¾⅕⅛²³*^·.")
        | SILENT.keys()
        | {str(key)[0] for name in sections for key in language.section(name)}
    )


def _kind(place: re.Match[str]) -> str:
    """A letter, a sign, or digits and what follows them."""
    if not place["digits"]:
        return "a" if place[0][0].isalpha() or place[0] == "_" else ""
    follows = place["next"]
    if place["space"]:
        return " a" if follows.isalpha() else " "
    if not follows or follows in _ENDS:
        return ","
    return "-" if follows == "–" else follows if follows in ".:/-" else "0"


def _read(text: str, at: int, readers: tuple[Reader, ...], language: Language) -> Reading | None:
    for reader in readers:
        if (reading := reader(text, at, language)) and reading.stop > at:
            return reading
    return None
