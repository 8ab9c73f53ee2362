"""Reads numbers with what belongs to them: sign, range, scale, percent, currency, unit, ending. See measures.py."""

import re
from collections.abc import Iterable
from functools import lru_cache
from itertools import chain
from typing import Any

from runners.text.language import Language
from runners.text.measures import Amount, Number, in_words
from runners.text.reading import REACH, Reading, word_after, word_before
from runners.text.units import UNITS

LETTER = r"[^\W\d_]"
_PARTS = ("sign", "before", "first", "first_fraction", "second", "second_fraction", "scale", "after", "per", "suffix")


@lru_cache
def _patterns(language: Language) -> tuple[re.Pattern[str], re.Pattern[str]]:
    """Of a number alone, and of one with all that belongs to it."""
    numbers = language.section("numbers")
    groups, point = re.escape(numbers["groups"]), numbers["decimal"]
    other = r"|\.(?!\d{3}(?!\d))" if point == "," else ""  # as calculators write it
    group = numbers.get("group", r"\d{3}")

    def number(name: str) -> str:
        grouped = rf"\d{{1,3}}(?P<{name}_mark>[{groups}]){group}(?:(?P={name}_mark){group}){{0,6}}(?!\d)"
        return rf"(?P<{name}>{grouped}|\d+)(?:(?:{point}{other})(?P<{name}_fraction>\d+)(?!\d|[.:]\d))?"

    currencies = language.section("currencies")
    signs = _any(chain(currencies, language.section("percent")))
    symbols = "%" + "".join(re.escape(key) for key in currencies if len(key) == 1)
    ends = _any({*UNITS, *chain.from_iterable(map(language.section, ("currencies", "units", "percent")))})
    scales = language.section("scales")
    letters, words = (_any(key for key in scales if (len(key) == 1) == short) for short in (True, False))
    bare = numbers.get("bare scales", "(?!)")  # letters that need no currency beside them
    letter = rf"(?(before)(?:{letters})|(?:(?:{letters})(?=[ \u00a0]?(?:{signs}))|{bare}))"
    last = r"(?![A-Za-zÀ-ž\d\u0900-\u0963\u0621-\u065f])" if numbers.get("unspaced") else rf"(?!{LETTER}|\d)"
    ending = rf"(?:{numbers['ending']}(?P<suffix>{LETTER}+))?" if "ending" in numbers else "(?P<suffix>(?!))?"
    return re.compile(number("first") + ending), re.compile(
        rf"(?P<sign>(?<![^\W\u3040-\u30ff\u4e00-\u9fff\uac00-\ud7af])(?<![)%])(?:[-+−]|[±~≈] ?)(?=[\d{symbols}]))?"
        rf"(?:(?P<before>{signs})[ \u00a0]?)?{number('first')}"
        r"(?:[%€£°](?=[-–—]\d))?"
        rf"(?:(?P<range>[-–—~～〜])(?:{signs})?{number('second')}(?!\d|[-–—/.:][\dA-Z]|=))?"
        rf"(?:[ \u00a0\u202f]?(?P<scale>{words}|{letter}){last})?"
        rf"(?(before)(?:,[-–—]+)?|(?:[.,]{{0,2}}[-–—](?= ?(?:{signs}))|,[-–](?!\w))?)"
        rf"(?:(?:(?:[ \u00a0\u202f]|-(?=\w\w))?(?P<after>{ends}){last}"
        rf"|(?(before)(?=/{LETTER})|(?!)))"
        rf"(?:/(?P<per>{ends}|{LETTER}{{1,8}}){last})?(?:(?<={LETTER})\.(?= [a-zà-ÿа-я]))?)?{ending}"
    )


def _any(keys: Iterable[str]) -> str:
    return "|".join(map(re.escape, sorted(keys, key=len, reverse=True))) or "(?!)"


def read_amount(text: str, at: int, language: Language) -> Reading | None:
    number, amount = _patterns(language)
    left = _is_latin(text[at - 1 : at])
    parts: tuple[Any, ...]
    if left:  # `B2B`: no unit belongs to this
        found = number.match(text, at)
        if found and found["suffix"] and not language.is_ending(found["suffix"]):
            found = number.match(text, at, found.start("suffix") - 1)
        parts = (None, None, found["first"], found["first_fraction"], *(None,) * 5, found["suffix"]) if found else ()
    else:
        found = amount.match(text, at)
        if found and found["range"] and not _is_range(found):
            found = amount.match(text, at, found.start("range"))
        parts = found.group(*_PARTS) if found else ()
    if found is None:
        return None
    stop = found.end()
    gender = language.gender(text[stop : stop + REACH], (parts[4] or parts[2])[-1])
    gender = "" if text[at - 1 : at] == "第" else gender  # an ordinal
    to = language.between(word_before(text, at), word_after(text, stop)) if parts[4] else ""
    counts = language.counts(word_after(text, stop)) if language.counting else False
    single = text[at - 2 : at] in ("a ", "n ", "A ") and language.is_attribute(
        word_before(text, at), word_after(text, stop)
    )
    words = in_words(Amount._make((*parts, gender, counts, to, single)), language)
    if gender == "native" and text[stop : stop + 1].strip():
        words += " "
    return Reading(stop, f"{' ' * left}{words}{' ' * _is_latin(text[stop : stop + 1])}")  # `3D` is no word


def _is_latin(char: str) -> bool:
    return char.isalpha() and char <= "ž"


def _is_range(found: re.Match[str]) -> bool:
    """`5-10` and `5–3` are ranges, `2-1` is a score."""
    first, second = (Number.of(found[name], found[f"{name}_fraction"]) for name in ("first", "second"))
    grows = found["range"] != "-" or first.value < second.value
    return grows and max(len(first.whole), len(second.whole)) < 7
