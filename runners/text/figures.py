"""Reads what is written in figures and is no amount: versions, products, fractions, ordinals, years.

Each is bounded in length, so that a text of figures alone costs no more than one of words.
"""

import re
from functools import lru_cache

from runners.text.language import Language
from runners.text.measures import unit_name
from runners.text.reading import REACH, Reading, with_ending, word_after, word_before

_VERSION = re.compile(r"(\d{1,5}(?:\.\d{1,5}){2,4})(?![\w])(?!\.\d)")
_RELEASE = re.compile(r"(\d{1,2}\.\d{1,2})(?!\w|[.,:/–]\d| ?[%‰°€$£])")  # `Python 3.12`
_GROUPED = re.compile(r"\d{1,3}(?:\.\d{3})+\Z")
_FRACTION = re.compile(r"(?:(\d{1,3})[ \u00a0])?(\d{1,2})[/⁄](\d{1,3})(?![A-Za-zÀ-ž\d_/⁄]|[.,]\d)")
_PRODUCT = re.compile(
    r"(?<!\w)([1-9]\d{0,5})(?P<spaced> ?)(?P<sign>[x×*·])(?:(?P=spaced)(?=\d)|(?P<word> )(?=[^\W\d_]))"
)
_VULGAR = {"½": (1, 2), "⅓": (1, 3), "⅔": (2, 3), "¼": (1, 4), "¾": (3, 4), "⅕": (1, 5), "⅛": (1, 8)}
_VULGAR_AT = re.compile(rf"(\d{{1,3}})?[ \u00a0]?([{''.join(_VULGAR)}])")


def read_version(text: str, at: int, language: Language) -> Reading | None:
    found = _VERSION.match(text, at) or _release(text, at, language)
    if found is None or ("." in language.section("numbers")["groups"] and _GROUPED.match(found[1])):
        return None
    parts = [language.digits(part) if part[0] == "0" else language.cardinal(int(part)) for part in found[1].split(".")]
    return with_ending(Reading(found.end(), f" {language.word('dot')} ".join(parts)), text, language)


def _release(text: str, at: int, language: Language) -> re.Match[str] | None:
    """After a name, where a decimal has a comma."""
    found = _RELEASE.match(text, at) if language.section("numbers")["decimal"] == "," else None
    if found is None or text[at - 1 : at] != " " or not text[at - 2 : at - 1].isalpha():
        return None
    named = word_before(text, at)[:1].isupper() and word_after(text, found.end()) not in language.measures
    return found if named else None


def read_fraction(text: str, at: int, language: Language) -> Reading | None:
    """A table's `fractions`: what some are called, and `pattern` for all others (or none: they are left alone)."""
    reading = _read_fraction(text, at, language)
    if reading is None:
        return None
    unit = word_after(text, reading.stop)
    written = text[at : reading.stop].replace("½", "1/2")
    gender = language.gender(text[reading.stop : reading.stop + REACH], "1") if unit else ""
    if words := language.section("fractions").get(f"{written} {gender}" if gender else ""):
        return Reading(reading.stop, str(words))
    if name := unit_name(unit, 2 if " " in text[at : reading.stop] else 1, language):
        return Reading(reading.stop + 1 + len(unit), language.join(reading.words, name))
    return with_ending(reading, text, language)


def _read_fraction(text: str, at: int, language: Language) -> Reading | None:
    if vulgar := _VULGAR_AT.match(text, at):
        return _fraction(vulgar.end(), vulgar[1], *_VULGAR[vulgar[2]], language)
    found = _FRACTION.match(text, at)
    if (
        found is None
        or text[found.end() : found.end() + 2].lstrip()[:1] == "="
        or int(found[3]) < 2
        or (found[1] and int(found[2]) >= int(found[3]))
    ):
        return None
    return _fraction(found.end(), found[1], int(found[2]), int(found[3]), language)


def _fraction(stop: int, whole: str | None, above: int, below: int, language: Language) -> Reading | None:
    fractions = language.section("fractions")
    if whole and f"and {above}/{below}" in fractions:
        pattern = str(fractions[f"and {above}/{below}"])
        gender = fractions.get("gender", "") if pattern.startswith("{0}e") else ""  # one word: `zweieinhalb`
        return Reading(stop, pattern.format(language.count(int(whole), gender)))
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
    if found is None or (found["word"] and language.code != "hu"):
        return None
    sign = "×" if "=" in text[found.end() : found.end() + 12] else found["sign"]
    return Reading(found.end(), f"{language.times(int(found[1]), sign)} ")


@lru_cache
def _marked(language: Language) -> list[tuple[re.Pattern[str], str]]:
    marks = language.section("ordinal marks")
    last = r"(?![^\W_])"
    return [
        (re.compile(rf"(\d{{1,3}}(?:,\d{{3}})+|\d{{1,6}}){mark}{'' if '(?=' in mark else last}"), form)
        for mark, form in marks.items()
    ]


def read_ordinal(text: str, at: int, language: Language) -> Reading | None:
    """`1st`, `1er`, `1º`: what a table's `ordinal marks` are, and the form each stands for."""
    for pattern, form in _marked(language):
        if found := pattern.match(text, at):
            return Reading(found.end(), language.ordinal(int(found[1].replace(",", "")), form))
    return _dotted(text, at, language) if language.section("dotted ordinals") else None


_DIGIT_YEAR = re.compile(r"(\d{4})(?=年)")
_YEAR = re.compile(r"(?:(?P<from>\d{4})(?P<dash>[-–]))?(?P<year>\d{4})[ \u00a0]?(?P<word>[^\W\d_]+\.?)")
_CENTURY = re.compile(r"\d{1,2}(?![\d.,/:-])")
_YEAR_TO = re.compile(r"(\d{4})(?= ([^\W\d_]+) \d{4}(?!\d))")
_YEAR_FROM = re.compile(r"([^\W\d_]+) \d{4} \Z")


def read_year(text: str, at: int, language: Language) -> Reading | None:
    """`2024 году`: where a word makes the number an ordinal. A table's `years`: the form for each such word; `years
    after`: the form after other words before it; `years from`: of each of two, by the word before it."""
    years = language.section("years")
    if (found := _DIGIT_YEAR.match(text, at)) and years.get("by digits"):
        return Reading(found.end(), language.digits(found[1]))
    before = word_before(text, at).lower()
    if (form := language.section("ordinals after").get(before)) and (found := _CENTURY.match(text, at)):
        return Reading(found.end(), language.ordinal(int(found[0]), form))
    pair = language.section("years from")
    if before in pair and (to := _YEAR_TO.match(text, at)) and to[2] in pair:
        return Reading(to.end(), language.ordinal(int(to[1]), pair[before]))
    found = _YEAR.match(text, at)
    word = found["word"] if found else ""
    form = years.get(word) or years.get(word.rstrip("."))
    if found is None or form is None:
        started = (
            before in pair
            and text[at : at + 4].isdecimal()
            and _YEAR_FROM.search(text[max(0, at - REACH) : at - len(before) - 1])
        )
        if started and started[1] in pair and not text[at + 4 : at + 5].isalnum():
            return Reading(at + 4, language.ordinal(int(text[at : at + 4]), pair[before]))
        return None
    form = language.section("years after").get(before, form)
    words = language.ordinal(int(found["year"]), form)
    if found["from"]:
        words = f"{language.ordinal(int(found['from']), form)}–{words}"
    return Reading(found.end("year"), words)


_DOTTED = re.compile(r"(\d{1,4})\.(?=[ \u00a0][^\W\d_])")
_DECADE = re.compile(r"(\d0)\.(?![\d.])")


def _dotted(text: str, at: int, language: Language) -> Reading | None:
    """`3. Mai`: the words before and after decide the form. Before a capital it may end a sentence."""
    rules = language.section("dotted ordinals")
    if "decades" in rules and (found := _DECADE.match(text, at)):
        before = word_before(text, at).lower()
        if form := next((form for form, words in rules["decades"].items() if before in words), None):
            return Reading(
                found.end() - (not text[found.end() : found.end() + 40].strip()), language.ordinal(int(found[1]), form)
            )
    found = _DOTTED.match(text, at)
    if found is None:
        return None
    before, after = word_before(text, at).lower(), word_after(text, found.end())
    form = next((form for form, words in rules.get("before", {}).items() if before in words), None)
    if article := rules.get(f"{before} after"):  # `in der 3. Klasse`
        before = word_before(text, at - len(before) - 1).lower()
        form = next((form for form, words in article.items() if before in words), form)
    first = (form for form, words in rules.get("first", {}).items() if after.lower() in words)
    form = next(first, form)
    if form is None:
        form = next(
            (form for form, ends in rules.get("after", {}).items() if after.lower().endswith(tuple(ends))), None
        )
    if form is None and (after[0].isupper() or after in rules.get("never", ())):
        return None
    return Reading(found.end(), language.ordinal(int(found[1]), form or rules.get("else", "")))
