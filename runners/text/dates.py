"""Reads dates: with the month in letters or in numbers, in the language's order or ISO's. And years.

A table's `dates`: `order` of the numeric ones, `pattern` (with {day}, {month}, {year}) and `short` (with no year),
`day` and `year` (the forms of ordinals, where they are ordinals), `first` (what the first of a month is called).
"""

import re
from functools import lru_cache

from runners.text.language import Language
from runners.text.reading import Reading, with_ending, word_before

_ISO = re.compile(r"(\d{4})-(\d{2})-(\d{2})(?:[T ](?=\d{2}:\d{2})|(?![\d-]))")
_SHORT = re.compile(r"(\d{1,2})\. ?(\d{1,2})\.(?! ?\d)")
_NUMERIC = re.compile(r"(\d{1,4})([./-])[ \u00a0]?(\d{1,2})\2[ \u00a0]?(\d{4}|\d{2})(?![\d/-]|[.:]\d)")


@lru_cache
def _written(language: Language) -> re.Pattern[str]:
    months = "|".join(sorted(map(re.escape, language.months), key=len, reverse=True)) or "(?!)"
    of = language.section("dates").get("of", "")
    link = rf"(?:[ \u00a0](?:{of}))?[ \u00a0]" if of else r"[ \u00a0]"
    mark = language.section("dates").get("mark", "")
    after = language.section("dates").get("after", "(?!)")  # a word for the year
    return re.compile(
        rf"(?P<day>\d{{1,2}})(?P<mark>{mark})?{link}(?P<month>{months})(?![^\W\d_])\.?"
        rf"(?:,?{link}(?P<year>\d{{4}})(?!\d|[.,]\d)(?:[ \u00a0](?P<after>{after}))?)?",
        re.IGNORECASE,
    )


def read_date(text: str, at: int, language: Language) -> Reading | None:
    if "pattern" not in language.section("dates"):
        return None
    if short := _SHORT.match(text, at) if language.section("dates").get("dotted") else None:
        day, month = int(short[1]), int(short[2])
        if 1 <= day <= 31 and 1 <= month <= 12:
            words = say_date(None, month, day, language, word_before(text, at))
            return Reading(short.end() - (not text[short.end() : short.end() + 40].strip()), words)
    if iso := _ISO.match(text, at):
        return _dated(iso, iso[1], iso[2], iso[3], language)
    if numeric := _NUMERIC.match(text, at):
        order = language.section("dates")["order"]
        if len(numeric[1]) == 4:
            order = "ymd"
        elif numeric[2] == ".":
            order = "dmy"
        parts = dict(zip(order, (numeric[1], numeric[3], numeric[4]), strict=True))
        if numeric[2] != "." and int(parts["m"]) > 12:
            parts["m"], parts["d"] = parts["d"], parts["m"]
        if numeric[2] == "-" and len(parts["y"]) != 4:
            return None
        return _dated(numeric, _full(parts["y"]), parts["m"], parts["d"], language)
    if (written := _written(language).match(text, at)) and 1 <= int(written["day"]) <= 31:
        month = language.months[written["month"].lower()]
        words = say_date(written["year"], month, int(written["day"]), language, word_before(text, at))
        return with_ending(Reading(written.end(), words), text, language)
    return None


def _full(year: str) -> str:
    if len(year) == 4:
        return year
    return f"20{year}" if len(year) == 2 and int(year) < 50 else f"19{year}"


def _dated(found: re.Match[str], year: str, month: str, day: str, language: Language) -> Reading | None:
    if not (1 <= int(month) <= 12 and 1 <= int(day) <= 31 and len(year) == 4):
        return None
    before = word_before(found.string, found.start())
    gap = " " if found[0][-1:] in ("T", " ") else ""
    return Reading(found.end(), say_date(year, int(month), int(day), language, before) + gap)


def say_date(year: str | None, month: int, day: int, language: Language, before: str = "") -> str:
    dates = language.section("dates")
    form = next(
        (form for form, words in dates.get("after words", {}).items() if before.lower() in words), dates.get("day")
    )
    words = dates.get("first") if day == 1 else None
    words = words or (language.ordinal(day, form) if form else language.count(day))
    if not year:
        return str(dates["short"]).format(day=words, month=language.month(month))
    in_words = language.ordinal(int(year), dates["year"]) if dates.get("year") else language.year(int(year))
    if language.section("years").get("by digits"):
        in_words = language.digits(year)
    return str(dates["pattern"]).format(day=words, month=language.month(month), year=in_words)
