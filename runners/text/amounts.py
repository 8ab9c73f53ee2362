"""Reads numbers with what belongs to them: sign, range, scale, percent, currency, unit, ending."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from itertools import chain
from typing import NamedTuple

from runners.text.language import Language
from runners.text.reading import REACH, Reading, word_after
from runners.text.units import UNITS

_WHOLE = re.compile(  # with nothing but perhaps a word after it
    r"(?<![^\W\d_])(0|[1-9]\d{0,14})"
    r"(?:(?=[.,;:!?)\"]?(?:\Z|\n))|(?=[.,;:!?)] [^\W\d_])|(?= (?P<next>[^\W\d_]{1,30})(?![\w.²³/°])))"
)
LETTER = r"[^\W\d_]"
_LATIN = re.compile(r"[A-Za-zÀ-ÿĀ-ž]")


class Number(NamedTuple):
    whole: str  # digits
    fraction: str = ""  # digits

    @property
    def value(self) -> Decimal | int:
        """Of a number too long for words, its end: enough for what goes with it."""
        return Decimal(f"{self.whole[-15:]}.{self.fraction[:6]}") if self.fraction else int(self.whole[-15:])


@dataclass(frozen=True, slots=True)
class Grammar:
    """How a language writes numbers and amounts."""

    number: re.Pattern[str]
    amount: re.Pattern[str]


@lru_cache
def grammar(language: Language) -> Grammar:
    numbers = language.section("numbers")
    groups, point = re.escape(numbers["groups"]), numbers["decimal"]
    other = r"|\.(?!\d{3}(?!\d))" if point == "," else ""  # as calculators write it
    group = numbers.get("group", r"\d{3}")

    def number(name: str) -> str:
        grouped = rf"\d{{1,3}}(?P<{name}_mark>[{groups}]){group}(?:(?P={name}_mark){group}){{0,6}}(?!\d)"
        return rf"(?P<{name}>{grouped}|\d+)(?:(?:{point}{other})(?P<{name}_fraction>\d+)(?!\d|[.:]\d))?"

    signs = _any(chain(language.section("currencies"), language.section("percent")))
    names = ("currencies", "units", "percent")
    ends = _any({*UNITS, *chain.from_iterable(map(language.section, names))})
    scales = _any(language.section("scales"))
    last = r"(?![A-Za-z\d\u0900-\u0963\u0621-\u065f])" if numbers.get("unspaced") else rf"(?!{LETTER}|\d)"
    ending = numbers.get("ending")
    return Grammar(
        number=re.compile(number("first")),
        amount=re.compile(
            rf"(?P<sign>(?<![\w)])(?:[-+−]|[±~≈] ?)(?=[\d{_symbols(language)}]))?"
            rf"(?:(?P<before>{signs})[ \u00a0]?)?{number('first')}"
            rf"(?:(?P<range> ?[-–—] ?)(?:{signs})?{number('second')}(?!\d|[-–—/.:]\d))?"
            rf"(?:[ \u00a0\u202f]?(?P<scale>{scales}){last})?(?:,?[-–—](?= ?(?:{signs})))?"
            rf"(?:(?:[ \u00a0\u202f]|-(?=\w\w))?(?P<after>{ends}){last}(?:/(?P<per>{ends}|{LETTER}{{1,8}}){last})?)?"
            + (rf"(?P<ending>{ending}(?P<suffix>{LETTER}+))?" if ending else "(?P<ending>(?!))?(?P<suffix>(?!))?")
        ),
    )


def _any(keys: Iterable[object]) -> str:
    return "|".join(map(re.escape, sorted(map(str, keys), key=len, reverse=True))) or "(?!)"


def _symbols(language: Language) -> str:
    return "%" + "".join(re.escape(key) for key in map(str, language.section("currencies")) if len(key) == 1)


def number_in(found: re.Match[str], name: str = "first") -> Number:
    return Number("".join(filter(str.isdecimal, found[name])), found[f"{name}_fraction"] or "")


def in_words(number: Number, language: Language, gender: str = "", *, counts: bool = False) -> str:
    if len(number.whole) > 15 or (len(number.whole) > 1 and number.whole[0] == "0"):
        return language.digits(number.whole)
    if number.fraction:
        return language.decimal(number.whole, number.fraction)
    return language.count(int(number.whole), gender) if counts else language.cardinal(int(number.whole), gender)


def read_amount(text: str, at: int, language: Language) -> Reading | None:
    if (whole := _WHOLE.match(text, at)) and whole["next"] not in language.measures:
        rest = text[whole.end(1) : whole.end(1) + REACH]
        counted = language.counts(whole["next"] or "")
        words = (language.count if counted else language.cardinal)(int(whole[1]), language.gender(rest))
        return Reading(whole.end(1), words)
    rules = grammar(language)
    inside = _LATIN.match(text[max(0, at - 1) : at])  # `B2B`: no unit belongs to this
    found = (rules.number if inside else rules.amount).match(text, at)
    if found is None:
        return None
    if inside:
        words = in_words(number_in(found), language)
        return Reading(found.end(), _among_letters(words, text, at, found.end()))
    parts = {name: found[name] or "" for name in ("sign", "before", "scale", "after", "per")}
    first = number_in(found)
    second = number_in(found, "second") if found["range"] else None
    if second is not None and not _is_range(first, second, found["range"]):
        return _read_without_range(text, at, found, language)
    parts["gender"] = language.gender(text[found.end() : found.end() + REACH])
    parts["next"] = "" if found["suffix"] else word_after(text, found.end())
    words = _measured(first, second, parts, language)
    if parts["sign"]:
        words = language.join(language.word(parts["sign"].strip().replace("−", "-")), words)
    if found["suffix"]:
        words = language.attach(words, found["suffix"])
    if parts["gender"] == "native" and not _parted(text, found.end()):
        words += " "
    return Reading(found.end(), _among_letters(words, text, at, found.end()))


def _parted(text: str, stop: int) -> bool:
    return not text[stop : stop + 1].strip()


def _among_letters(words: str, text: str, start: int, stop: int) -> str:
    """`3D` is no word: a space on each side where a letter stands."""
    left, right = text[max(0, start - 1) : start], text[stop : stop + 1]
    return f"{' ' if _LATIN.match(left) else ''}{words}{' ' if _LATIN.match(right) else ''}"


def _is_range(first: Number, second: Number, mark: str) -> bool:
    """`5-10` and `5–3` are ranges; `5 - 3` is sum, and `2-1` a score."""
    return (
        " " not in mark
        and (first.value < second.value or mark in "–—")
        and max(map(len, (first.whole, second.whole))) < 7
    )


def _read_without_range(text: str, at: int, found: re.Match[str], language: Language) -> Reading:
    start = found.start("range")
    read = read_amount(text[:start], at, language)
    assert read is not None
    return read


def _measured(first: Number, second: Number | None, parts: dict[str, str], language: Language) -> str:
    last = second or first
    what = parts["before"] or parts["after"]
    currencies = language.section("currencies")
    if what in currencies:
        return _per(_money(first, second, parts, language), parts["per"], language)
    unit = language.section("units").get(what) or UNITS.get(what)
    known = what in UNITS and what not in language.section("units")  # by CLDR's name
    percent = language.section("percent").get(what)
    amount = _scaled(
        first,
        second,
        parts["scale"],
        language,
        _gender(unit or percent or "", language) if what else parts["gender"],
        counts=bool(what) or language.counts(parts["next"]),
    )
    if percent:
        return language.section("percent").get("pattern", "{0} {1}").format(amount, language.form(percent, last.value))
    if unit:
        pattern = language.unit(unit, last.value) if known else unit
        return _per(_filled(pattern, amount, last, language), parts["per"], language)
    return amount


def _filled(pattern: str, amount: str, number: Number, language: Language) -> str:
    """`pattern`: CLDR's, with {0} for the number, or forms of the unit's name to stand after it."""
    if "{0}" in pattern:
        return pattern.replace("{0}", amount)
    return language.join(amount, language.form(pattern, number.value))


def _per(words: str, per: str, language: Language) -> str:
    """`Ft/kg`, `km/s`: what follows the stroke, in the singular."""
    if not per:
        return words
    own = language.section("per").get(per) or language.section("units").get(per)
    if not own and per in UNITS:
        own = language.unit(UNITS[per], 1).replace("{0}", "").strip()
    return language.join(words, language.word("per"), language.form(own or per, 1))


def _scaled(
    first: Number, second: Number | None, scale: str, language: Language, gender: str = "", *, counts: bool = False
) -> str:
    counts = counts or bool(scale)
    if scale:
        gender = language.section("numbers").get("scale gender", gender)
    words = in_words(first, language, gender, counts=counts)
    if second:
        words = _between(in_words(first, language, gender), in_words(second, language, gender, counts=counts), language)
    if not scale:
        return words
    name = language.form(language.section("scales").get(scale) or scale, (second or first).value)
    joint = language.section("numbers").get("scale joint", " ")  # five million, ötmillió
    return language.join(words, name) if (second or first).fraction else f"{words}{joint}{name}"


def _between(first: str, second: str, language: Language) -> str:
    to = language.word("to")
    return f"{first}-{second}" if to == "-" else language.join(first, to, second)


def _money(first: Number, second: Number | None, parts: dict[str, str], language: Language) -> str:
    """`[gender] name in its forms, [gender] name of the hundredth part`, as the table has it."""
    entry = language.section("currencies")[parts["before"] or parts["after"]]
    name, _, hundredth = map(str.strip, str(entry).partition(","))
    gender, name = _with_gender(name)
    last = second or first
    if parts["scale"]:
        amount = _scaled(first, second, parts["scale"], language)
        of = language.word("of")
        name = language.form(name.replace("/", "/", 1), 1_000_000)
        joint = (
            f"{of}{name}" if of.endswith("'") and name[0] in "aeiouyhé" else language.join(of.replace("d'", "de"), name)
        )
        return language.join(amount, joint)
    if second or not hundredth or not last.fraction or len(last.fraction) > 2:
        return language.join(_scaled(first, second, "", language, gender, counts=True), language.form(name, last.value))
    cents = int(last.fraction.ljust(2, "0"))
    whole = language.join(language.count(int(last.whole), gender), language.form(name, int(last.whole)))
    if not cents:
        return whole
    gender, hundredth = _with_gender(hundredth)
    rest = language.join(language.count(cents, gender), language.form(hundredth, cents))
    return rest if not int(last.whole) else language.join(whole, language.word("and cents"), rest)


def _with_gender(name: str) -> tuple[str, str]:
    gender, _, rest = name.partition(" ")
    return (gender, rest) if gender in ("m", "f", "n") else ("", name)


def _gender(unit: str, language: Language) -> str:
    genders = language.section("genders")
    return str(next((gender for gender, names in genders.items() if unit in names), genders.get("others", "")))
