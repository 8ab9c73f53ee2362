"""Reads what is written in figures and is no amount: phone numbers, versions, fractions, ordinals, years.

Each is bounded in length, so that a text of figures alone costs no more than one of words.
"""

import re
from functools import lru_cache

from runners.text.language import Language
from runners.text.measures import unit_name
from runners.text.reading import Reading, with_ending, word_after, word_before

_PHONE = re.compile(
    r"(?P<plus>\+|00(?=[1-9]\d{0,2}[ /-]\d{1,4}[ /-]))(?P<country>[1-9]\d{0,2})"
    r"(?:[ \u00a0./-]?\(?\d{1,5}\)?){2,6}(?!\w)"
    r"|\((?P<area>\d{2,4})\)[ \u00a0-]?(?P<local>\d{3,4}(?:[ -]\d{2,4}){1,3})(?!\w)"
    r"|(?P<groups>0\d{1,4}(?:[ /-]\d{1,4}){2,5}|\d{3}-\d{3}-\d{4}|\d{3}-\d{4})(?!\w)"
)
_VERSION = re.compile(r"(\d{1,5}(?:\.\d{1,5}){2,4})(?![\w])(?!\.\d)")
_GROUPED = re.compile(r"\d{1,3}(?:\.\d{3})+\Z")
_FRACTION = re.compile(r"(?:(\d{1,3})[ \u00a0])?(\d{1,2})[/⁄](\d{1,3})(?![\w/⁄]|[.,]\d)")
_PRODUCT = re.compile(r"(?<!\w)([1-9]\d{0,5})(?P<spaced> ?)(?P<sign>[x×])(?P=spaced)(?=\d)")
_VULGAR = {"½": (1, 2), "⅓": (1, 3), "⅔": (2, 3), "¼": (1, 4), "¾": (3, 4), "⅕": (1, 5), "⅛": (1, 8)}
_VULGAR_AT = re.compile(rf"(\d{{1,3}})?[ \u00a0]?([{''.join(_VULGAR)}])")


def read_phone(text: str, at: int, language: Language) -> Reading | None:
    found = _PHONE.match(text, at)
    if found is None or (text[at].isdigit() and text[max(0, at - 1) : at].isalnum()):
        return None
    groups = re.findall(r"\d+", found[0])
    if not found["local"] and not found[0].count("-") and sum(map(len, groups)) < 9:
        return None
    said = [language.digits(group) for group in groups]
    if found["plus"] == "+":
        said[0] = language.join(language.word("+"), said[0])
    return Reading(found.end(), ", ".join(said))


def read_version(text: str, at: int, language: Language) -> Reading | None:
    found = _VERSION.match(text, at)
    if found is None or ("." in language.section("numbers")["groups"] and _GROUPED.match(found[1])):
        return None
    parts = [language.digits(part) if part[0] == "0" else language.cardinal(int(part)) for part in found[1].split(".")]
    return Reading(found.end(), f" {language.word('dot')} ".join(parts))


def read_fraction(text: str, at: int, language: Language) -> Reading | None:
    """A table's `fractions`: what some are called, and `pattern` for all others (or none: they are left alone)."""
    reading = _read_fraction(text, at, language)
    if reading is None:
        return None
    unit = word_after(text, reading.stop)
    if name := unit_name(unit, 2 if " " in text[at : reading.stop] else 1, language):
        return Reading(reading.stop + 1 + len(unit), language.join(reading.words, name))
    return with_ending(reading, text, language)


def _read_fraction(text: str, at: int, language: Language) -> Reading | None:
    if vulgar := _VULGAR_AT.match(text, at):
        return _fraction(vulgar.end(), vulgar[1], *_VULGAR[vulgar[2]], language)
    found = _FRACTION.match(text, at)
    if found is None or int(found[3]) < 2 or (found[1] and int(found[2]) >= int(found[3])):
        return None
    return _fraction(found.end(), found[1], int(found[2]), int(found[3]), language)


def _fraction(stop: int, whole: str | None, above: int, below: int, language: Language) -> Reading | None:
    fractions = language.section("fractions")
    words = fractions.get(f"{above}/{below}")
    if words is None and (name := fractions.get(f"1/{below}")) and "{0}" in str(name):
        words = str(name).format(language.count(above, fractions.get("gender", "")), language.cardinal(below))
    if words is None and above < 100:
        words = language.join(language.cardinal(above), language.word("over"), language.cardinal(below))
    if words is None:
        return None
    return Reading(stop, language.join(language.count(int(whole)), language.word("and"), words) if whole else words)


def read_product(text: str, at: int, language: Language) -> Reading | None:
    """`3x5`."""
    found = _PRODUCT.match(text, at)
    return Reading(found.end(), f"{language.times(int(found[1]), found['sign'])} ") if found else None


@lru_cache
def _marked(language: Language) -> list[tuple[re.Pattern[str], str]]:
    marks = language.section("ordinal marks")
    return [(re.compile(rf"(\d{{1,6}}){mark}(?![^\W_])"), form) for mark, form in marks.items()]


def read_ordinal(text: str, at: int, language: Language) -> Reading | None:
    """`1st`, `1er`, `1º`: what a table's `ordinal marks` are, and the form each stands for."""
    for pattern, form in _marked(language):
        if found := pattern.match(text, at):
            return Reading(found.end(), language.ordinal(int(found[1]), form))
    return _dotted(text, at, language) if language.section("dotted ordinals") else None


_DIGIT_YEAR = re.compile(r"(\d{4})(?=年)")
_YEAR = re.compile(r"(\d{4})[ \u00a0]([^\W\d_]+\.?)")


def read_year(text: str, at: int, language: Language) -> Reading | None:
    """`2024 году`: where a word makes the number an ordinal. A table's `years`: the form for each such word."""
    if language.section("numbers").get("years by digits") and (found := _DIGIT_YEAR.match(text, at)):
        return Reading(found.end(), language.digits(found[1]))
    found = _YEAR.match(text, at) if language.section("years") else None
    years = language.section("years")
    if found is None or (found[2] not in years and found[2].rstrip(".") not in years):
        return None
    form = years.get(found[2]) or years[found[2].rstrip(".")]
    form = language.section("years after").get(word_before(text, at).lower(), form)
    return Reading(found.end(1), language.ordinal(int(found[1]), form))


_DOTTED = re.compile(r"(\d{1,4})\.(?=[ \u00a0][^\W\d_])")


def _dotted(text: str, at: int, language: Language) -> Reading | None:
    """`3. Mai`: the words before and after decide the form. Before a capital it may end a sentence."""
    found = _DOTTED.match(text, at)
    if found is None:
        return None
    rules = language.section("dotted ordinals")
    before, after = word_before(text, at).lower(), word_after(text, found.end())
    form = next((form for form, words in rules.get("before", {}).items() if before in words), None)
    if form is None:
        form = next(
            (form for form, ends in rules.get("after", {}).items() if after.lower().endswith(tuple(ends))), None
        )
    if form is None and (after[0].isupper() or after in rules.get("never", ())):
        return None
    return Reading(found.end(), language.ordinal(int(found[1]), form or rules.get("else", "")))
