"""Hungarian dates, times, ordinals and Roman numerals, with the endings that they take."""

import re

from runners.text.hungarian import Hungarian, is_back
from runners.text.language import Language
from runners.text.reading import REACH, Reading, word_after, word_before
from runners.text.roman import ROMAN, roman_value
from runners.text.shapes import letters

_SUFFIX = r"(?:-(?P<suffix>[a-záéíóöőúüű]+)(?![^\W_]))?"
_MONTHS = (
    "január|február|március|április|május|június|július|augusztus|szeptember|október|november|december|"
    r"jan\.|febr?\.|márc\.|ápr\.|máj\.|jún\.|júl\.|aug\.|szept?\.|okt\.|nov\.|dec\."
)
_YEAR_MONTH = re.compile(rf"(?P<year>\d{{4}})(?P<dot>\.?)[ \u00a0](?P<month>{_MONTHS})(?![^\W_]+ [a-z]{{0}})")
_YEAR_OF = re.compile(r"(\d{4})\. (?=[IVX]{1,4}\. [a-záéíóöőúüű])")  # `2024. I. negyedév`
_ROMAN_MONTH = re.compile(  # `1985. V. 12-én`
    rf"(?P<year>\d{{4}})\. ?(?P<month>I{{1,3}}|I?[VX]|VI{{1,3}}|XI{{1,2}})\. ?(?P<day>0?[1-9]|[12]\d|3[01])(?!\d)"
    rf"(?:(?P<dot>\.)|(?=-)){_SUFFIX}"
)
_NUMERIC = re.compile(
    r"(?P<year>\d{4})(?P<mark>\. ?|[-/])(?P<month>0?[1-9]|1[0-2])(?P=mark)(?P<day>0?[1-9]|[12]\d|3[01])"
    rf"(?!\d)(?P<dot>\.)?{_SUFFIX}"
)
_MONTH_DAY = re.compile(rf"(?P<month>0[1-9]|1[0-2])[./](?P<day>0[1-9]|[12]\d|3[01])(?:\.(?!\d)|(?=-[áéj])){_SUFFIX}")
_DAY = re.compile(
    rf"(?P<day>[1-9]|[12]\d|3[01])(?:\.?[-–](?P<to>[1-9]|[12]\d|3[01])(?!\d))?(?P<dot>\.)?(?![\d.,:]\d){_SUFFIX}(?![^\W_])"
)
_FIRST_DAY = re.compile(r"([^\W\d_]+)\.? \d{1,2}\.?-j?[éáeao]?t[óő]l \Z")
_APART = frozenset(" .\u00a0")
_LONE_DAY = re.compile(
    r"(?P<day>[1-9]|[12]\d|3[01])\.?-(?P<suffix>j?[áé]n|j?[aeáé]i?|jei|j?[áé]r[ae]|j?[áé]ig|j?[áé]t[óő]l)(?![^\W_])"
)
_YEARS = re.compile(r"(?P<first>1\d{3}|20\d\d)[–-](?P<second>1\d{3}|20\d\d|\d\d)(?![\d.,:])" + _SUFFIX)
_TIME = re.compile(
    r"(?P<hour>[01]?\d|2[0-4])(?P<mark>[:.])(?P<minute>[0-5]\d)(?::(?P<second>[0-5]\d))?(?![\d:]|[.,]\d)"
    rf"(?:(?P<named>[ \u00a0](?:óra|h)(?![^\W\d_]))|(?P<at>[ \u00a0]órakor)|"
    rf"(?P<case>[ \u00a0]órá(?P<ending>ig|tól|ra)(?![^\W_]))|(?P<minutes>[ \u00a0]perckor))?{_SUFFIX}"
)
_STREETS = frozenset(
    """
dűlő fasor köz krt körút lépcső park rakpart sétány sor sugárút tér tere u utca út útja
""".split()  # noqa: SIM905 (quoted words are harder to read)
)
_ORDINAL = re.compile(rf"(?:(?P<from>\d{{1,4}})[-–])?(?P<number>\d{{1,7}})\.{_SUFFIX}(?![\d])")
_WORDED = re.compile(r"(?P<number>\d{1,7})-(?:[aeoö]?dik|ik|s[őö])(?P<rest>[a-záéíóöőúüű]*)(?![^\W_])")
_CLASS = re.compile(r"(\d{1,2}|[IVX]{1,4})[./]{0,2} ?([A-Za-z])\.?(?= oszt)")  # at school
_FLOOR = re.compile(r"([IVX]{1,4})/(?=\d)")
_ROMAN = re.compile(
    rf"{ROMAN}\.?(?P<range>[-–]{ROMAN.replace('<numeral>', '<to>')}\.)?(?P<dot>(?<=\.))?{_SUFFIX}(?![^\W_])"
)
_AT = ("kor", "tól", "től", "ig", "ra", "re", "as", "es", "os", "ös", "hoz", "hez", "höz")
_NAMED = ("század", "kerület", "fejezet", "rész", "felvonás", "osztály", "kötet", "díj", "helyezett", "kategória")


def read_date(text: str, at: int, language: Language) -> Reading | None:
    assert isinstance(language, Hungarian)
    if found := _YEAR_OF.match(text, at):
        return Reading(found.end(), f"{language.cardinal(int(found[1]))} ")
    if found := _YEAR_MONTH.match(text, at):
        return Reading(found.start("month"), f"{language.cardinal(int(found['year']))} ")
    if found := _NUMERIC.match(text, at) or _ROMAN_MONTH.match(text, at):
        year, day = int(found["year"]), int(found["day"])
        month = int(found["month"]) if found["month"].isdecimal() else roman_value(found["month"])
        words = f"{language.cardinal(year)} {language.month(month)} {language.day(day, found['suffix'] or '')}"
        return Reading(found.end(), words + _full_stop(found))
    if (found := _MONTH_DAY.match(text, at)) and (int(found["month"]) < 10 or found["suffix"]):
        words = f"{language.month(int(found['month']))} {language.day(int(found['day']), found['suffix'] or '')}"
        return Reading(found.end(), words)
    if found := _LONE_DAY.match(text, at):
        return Reading(found.end(), language.day(int(found["day"]), found["suffix"]))
    if found := _YEARS.match(text, at):
        first, second = int(found["first"]), int(found["second"])
        after = word_after(text, found.end())
        if after in language.measures:
            return None
        if after == "között" and len(found["second"]) == 4:
            return Reading(found.end(), f"{language.cardinal(first)} és {language.cardinal(second)}")
        if len(found["second"]) == 4 and first < second and not found["suffix"]:
            return Reading(found.end(), language.from_to(language.cardinal(first), language.cardinal(second)))
        if first % 100 < second % 100 and (len(found["second"]) == 2 or found["suffix"]):
            words = f"{language.cardinal(first)}-{language.cardinal(second)}"
            return Reading(found.end(), language.attach(words, found["suffix"]) if found["suffix"] else words)
    return None


def read_day(text: str, at: int, language: Language) -> Reading | None:
    """The day after a month's name."""
    assert isinstance(language, Hungarian)
    after_word = (
        text[at - 1 : at] in _APART
        and not text[max(0, at - 2) : at].strip().isdecimal()
        and (word_before(text, at).lower() in language.months or _is_last_day(text, at, language))
    )
    found = _DAY.match(text, at) if after_word else None
    if found is None:
        return None
    day, to, suffix = int(found["day"]), found["to"], found["suffix"] or ""
    after = word_after(found.string, found.end())
    if found["dot"] and not suffix and language.counts(after):
        words = language.ordinal(int(to or day))  # `március 15. napja`
    elif not (found["dot"] or suffix or to):
        return Reading(found.end(), language.count(day) if language.counts(after) else language.cardinal(day))
    else:
        words = language.day(int(to or day), suffix)
    if to and not suffix:
        first, last = language.day(day), language.day(int(to))
        words = f"{first} és {last}" if after == "között" else language.from_to(first, last)
    elif to:
        words = f"{language.ordinal(day)}-{words}"
    return Reading(found.end(), words + _full_stop(found))


def _is_last_day(text: str, at: int, language: Language) -> bool:
    """`május 9-től 12-ig`"""
    found = _FIRST_DAY.search(text, max(0, at - REACH), at) if text[at - 2 : at] == "l " else None
    return found is not None and found[1].lower() in language.months and text[at : at + 6].rstrip(".,").endswith("ig")


def _full_stop(found: re.Match[str]) -> str:
    """The point of an ordinal ends the sentence too, where it is the last sign of all."""
    return (
        "." if found["dot"] and not found["suffix"] and not found.string[found.end() : found.end() + 40].strip() else ""
    )


def read_time(text: str, at: int, language: Language) -> Reading | None:
    assert isinstance(language, Hungarian)
    found = _TIME.match(text, at)
    if found is None or (found["mark"] == "." and not _is_time(found, text)):
        return None
    if text[found.end() : found.end() + 1] in ("-", "–") and (until := _TIME.match(text, found.end() + 1)):
        words = language.from_to(_clock(found, language), _clock(until, language))
        if until["case"] and until["ending"] != "ig":
            return None
        return Reading(until.end() if until["suffix"] in (None, "ig") else until.start("suffix") - 1, words)
    words = _clock(found, language)
    if ending := found["ending"]:
        front = {"tól": "től", "ra": "re"}.get(ending, ending)
        return Reading(found.end(), language.attach(words, ending if is_back(words) else front))
    if found["at"] or found["minutes"]:
        return Reading(found.end(), f"{words}kor")
    return Reading(found.end(), language.attach(words, found["suffix"]) if found["suffix"] else words)


def _is_time(found: re.Match[str], text: str) -> bool:
    if found["named"] or found["at"] or found["case"] or found["minutes"] or (found["suffix"] or "").startswith("kor"):
        return True
    until = _TIME.match(text, found.end() + 1) if text[found.end() : found.end() + 1] in ("-", "–") else None
    if until:
        return bool(
            until["named"]
            or until["at"]
            or until["case"]
            or until["suffix"] in _AT
            or found["minute"] == until["minute"] == "00"
        )
    return (found["suffix"] or "") in ("tól", "től", "ig", "kor", "ra", "re") and len(found["minute"]) == 2


def _clock(found: re.Match[str], language: Hungarian) -> str:
    hour, minute = int(found["hour"]), int(found["minute"])
    if minute == 0:
        words = f"{language.count(hour)} óra"
    elif minute < 10 and (found["suffix"] or "").endswith("s"):  # `13:05-ös`
        words = f"{language.count(hour)} óra {language.cardinal(minute)}"
    elif minute < 10 or found["named"]:
        words = f"{language.count(hour)} óra {language.count(minute)} perc"
    else:
        words = f"{language.cardinal(hour)} {language.cardinal(minute)}"
    seconds = int(found["second"] or 0)
    return (
        f"{language.count(hour)} óra {language.count(minute)} perc {language.count(seconds)} másodperc"
        if seconds
        else words
    )


def read_ordinal(text: str, at: int, language: Language) -> Reading | None:
    assert isinstance(language, Hungarian)
    if found := _CLASS.match(text, at):
        return Reading(found.end(), f"{language.ordinal(int(found[1]))} {letters(found[2], language)}")
    if found := _WORDED.match(text, at):
        return Reading(found.end(), language.ordinal(int(found["number"])) + found["rest"])
    found = _ORDINAL.match(text, at)
    if found is None:
        return None
    words = language.ordinal(int(found["number"]))
    if found["from"]:  # `45–67. oldal`
        after = word_after(text, found.end())
        if not after[:1].islower() or int(found["from"]) >= int(found["number"]):
            return None
        to = language.cardinal(int(found["number"])) if after == "szám" else words
        return Reading(found.end(), f"{language.cardinal(int(found['from']))}-{to}")
    if found["suffix"]:
        return Reading(found.end(), language.attach(words, found["suffix"]))
    before, after = word_before(text, at).lower(), word_after(text, found.end())
    if before in _STREETS and not after[:1].islower():
        return Reading(
            found.end() - (text[found.end() : found.end() + 1] != ","), language.cardinal(int(found["number"]))
        )
    if after[:1].islower() and (len(found["number"]) < 5 and after not in ("és", "vagy")):
        return Reading(found.end(), words)
    if before in ("a", "az") and text[at - 1] == " " and not text.startswith(" §", found.end()):
        stop = found.end() - (not after and not text[found.end() :].lstrip(" ").startswith((",", ";")))
        return Reading(stop, words)
    if (
        text[found.end() : found.end() + 1] == ","
        or text.startswith(" §", found.end())
        or (after in ("és", "vagy") and before != "")
    ):
        return Reading(found.end(), words)
    return None


def read_roman(text: str, at: int, language: Language) -> Reading | None:
    """`XX. század`, `XIV. Lajos`, `II.-ban`. A single C, D, L or M before a capital is somebody's initial."""
    assert isinstance(language, Hungarian)
    if (found := _CLASS.match(text, at)) and found[1].isalpha():
        return Reading(found.end(), f"{language.ordinal(roman_value(found[1]))} {letters(found[2], language)}")
    if (found := _FLOOR.match(text, at)) and not text[at - 1 : at].isalnum():
        return Reading(found.end(), f"{language.cardinal(roman_value(found[1]))} per ")
    found = _ROMAN.match(text, at)
    if found is None or not found["numeral"] or (at and text[at - 1].isalnum()):
        return None
    if found["dot"] is None and found["suffix"] and set(found["numeral"]) <= set("IVX"):  # `II-es`
        return Reading(found.end(), language.attach(language.cardinal(roman_value(found["numeral"])), found["suffix"]))
    after = word_after(text, found.end())
    if found["dot"] is None and not (after.startswith(_NAMED) and not found["suffix"]):
        return None
    if found["numeral"] in "CDLM" and not after.startswith(_NAMED):
        return None
    if not after and not found["suffix"] and text[found.end() : found.end() + 1] not in (",", ")"):
        return (
            None
            if len(found["numeral"]) < 2
            else Reading(found.end() - 1, language.ordinal(roman_value(found["numeral"])))
        )
    words = language.ordinal(roman_value(found["to"] or found["numeral"]))
    if found["to"]:
        words = f"{language.ordinal(roman_value(found['numeral']))}-{words}"
    return Reading(found.end(), language.attach(words, found["suffix"]) if found["suffix"] else words)
