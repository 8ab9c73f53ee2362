"""Roman numerals: where a table says that one is meant, and how it is read there."""

import re
from functools import lru_cache

from runners.text.language import Language
from runners.text.reading import REACH, Reading, word_after

ROMAN = r"(?P<numeral>(?=[IVXLCDM])M{0,3}(?:CM|CD|D?C{0,3})(?:XC|XL|L?X{0,3})(?:IX|IV|V?I{0,3}))"
_GOVERNS = re.compile(r"([^\W\d_]+\.?)[ \u00a0](?:[IVXL]+(?: [^\W\d_]{1,3}|[-–,]) ?)?\Z")
_VALUES = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100, "D": 500, "M": 1000}


def roman_value(numeral: str) -> int:
    values = [_VALUES[each] for each in numeral]
    return sum(-value if value < max(values[at:]) else value for at, value in enumerate(values))


def read_roman(text: str, at: int, language: Language) -> Reading | None:
    """A table's `roman`: after which words, and before which, a numeral is one, and how it is read there."""
    rules = language.section("roman")
    found = _roman_of(language).match(text, at) if rules else None
    if found is None or not found[1]:
        return None
    stop = found.end()
    before, after = _governing(text, at), word_after(text, stop)
    value = roman_value(found[1])
    if found["mark"] and found["mark"] != ".":
        if found[1] in "LCDM":  # `Le`, `De`
            return None
        return Reading(stop, language.ordinal(value, rules["marked"]))
    if found["mark"] and not text[stop : stop + 40].strip():
        stop -= 1
    for form, words in rules.get("before", {}).items():  # `XX wiek`
        if after.lower() in words or (text.startswith(f"{after}.", stop + 1) and f"{after}." in words):
            form = rules.get(f"{form} after", {}).get(before.lower(), form)
            return Reading(stop, _roman(value, form, language))
    if "before name" in rules and found["mark"] == "." and after[:1].isupper():
        return Reading(stop, language.ordinal(value, rules["before name"]))
    if found[1] in rules.get("words", ""):  # `I` is one in `Chapter I`, and in `Elizabeth I of England`
        known = before.lower() in rules["after"]["cardinal"] or after == "of" or text[stop : stop + 1] in tuple(",.)")
        if not (known and before[:1].isupper()):
            return None
    for form, words in rules.get("after", {}).items():  # `Chapter IV`, `Louis XIV`
        if before.rstrip(".").lower() in words:
            return Reading(stop, _roman(value, form, language))
    if (
        "names" in rules
        and found[1] not in rules.get("words", "")
        and before[:1].isupper()
        and before[-1] != "."
        and set(found[1]) <= set("IVX")
    ):
        return Reading(stop, _roman(value, rules["names"], language))
    if "II" in found[1] and set(found[1]) <= set("IVX") and found["mark"] is None:  # never letters
        return Reading(stop, language.cardinal(value))
    return None


def _governing(text: str, at: int) -> str:
    """The word right before, or before another numeral: `siglos XV y XVI`."""
    near = text[max(0, at - 2) : at]
    found = (
        _GOVERNS.search(text, max(0, at - REACH), at)
        if near[1:] in ("", " ", "\u00a0") and near[:1] not in "!?;:"
        else None
    )
    return found[1] if found else ""


@lru_cache
def _roman_of(language: Language) -> re.Pattern[str]:
    return re.compile(
        rf"{ROMAN}(?P<mark>{language.section('roman').get('mark', '(?!)')})?(?![^\W_]|['’](?!s\b)[^\W\d_])"
    )


def _roman(value: int, form: str, language: Language) -> str:
    if form == "cardinal":
        return language.cardinal(value)
    if "{0}" in form:  # `the {0}`
        return form.replace("{0}", language.ordinal(value))
    if form.startswith("small "):  # an ordinal to ten, then a cardinal
        return language.ordinal(value, form[6:]) if value <= 10 else language.cardinal(value)
    return language.ordinal(value, form)
