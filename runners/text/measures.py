"""Amounts in words: money, percent, units, ranges and scales, as a language's table and CLDR name them."""

from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple

from runners.text.language import Language
from runners.text.units import CLDR_NAMES, UNITS


class Number(NamedTuple):
    whole: str  # digits
    fraction: str = ""  # digits

    @classmethod
    def of(cls, written: str, fraction: str | None) -> "Number":
        return cls("".join(filter(str.isdecimal, written)), fraction or "")

    @property
    def value(self) -> Decimal | int:
        """Of a number too long for words, its end: enough for what goes with it."""
        return Decimal(f"{self.whole[-15:]}.{self.fraction[:6]}") if self.fraction else int(self.whole[-15:])


class Amount(NamedTuple):
    """A number, or a range, and what belongs to it, as they are written."""

    sign: str | None
    before: str | None  # a currency
    first: str
    first_fraction: str | None
    second: str | None  # of a range
    second_fraction: str | None
    scale: str | None  # `million`
    after: str | None  # a unit, a currency or percent
    per: str | None
    suffix: str | None
    gender: str  # that what follows asks for
    counts: bool  # whether what follows is counted
    to: str  # between the ends of a range
    single: bool  # it belongs to a noun, and is named in the singular

    @property
    def numbers(self) -> list[Number]:
        second = [Number.of(self.second, self.second_fraction)] if self.second else []
        return [Number.of(self.first, self.first_fraction), *second]


@lru_cache(maxsize=10_000)
def in_words(amount: Amount, language: Language) -> str:
    words = _measured(amount, language)
    if amount.sign:
        words = language.join(language.word(amount.sign.strip().replace("−", "-")), words)
    return language.attach(words, amount.suffix) if amount.suffix else words


def _measured(amount: Amount, language: Language) -> str:
    what, last = amount.before or amount.after, amount.numbers[-1]
    if what is None:
        return _scaled(amount, language, amount.gender, counts=amount.counts and not amount.suffix)
    if what in language.section("currencies"):
        return _per(_money(amount, language), amount.per, language)
    name = str(language.section("units").get(what) or UNITS.get(what) or language.section("percent")[what])
    value = 1 if amount.single else last.value
    genders = language.section("genders")
    gender = next((gender for gender, names in genders.items() if name in names), genders.get("others", ""))
    words = _scaled(amount, language, gender, counts=True)
    if what in language.section("percent"):
        return str(language.section("percent").get("pattern", "{0} {1}")).format(words, language.form(name, value))
    pattern = language.unit(name, value) if name in CLDR_NAMES else name
    if name in CLDR_NAMES and "{0}" not in pattern:
        return _per(pattern, amount.per, language)  # a dual
    if "{0}" in pattern:
        return _per(pattern.replace("{0}", words), amount.per, language)
    return _per(language.join(words, language.form(pattern, value)), amount.per, language)


def _per(words: str, per: str | None, language: Language) -> str:
    """`Ft/kg`, `km/s`: what follows the stroke, in the singular."""
    if not per:
        return words
    own = language.section("per").get(per) or unit_name(per, 1, language) or per
    return language.join(words, language.word("per"), language.form(own, 1))


def unit_name(sign: str, number: int, language: Language) -> str:
    """The unit's name, as it goes with `number`; the empty string for what is no unit."""
    name = str(language.section("units").get(sign) or UNITS.get(sign) or "")
    return language.unit(name, number).replace("{0}", "").strip() if name in CLDR_NAMES else language.form(name, number)


def _scaled(amount: Amount, language: Language, gender: str, *, counts: bool) -> str:
    *first, last = amount.numbers
    scale = amount.scale
    if scale:
        gender = language.section("numbers").get("scale gender", gender)
    year = amount.before is amount.after is scale is None and amount.first.isdecimal()
    words = _number(last, language, gender, counts=counts or bool(scale), year=year)
    if first:
        start, to = _number(first[0], language, gender, counts=counts and amount.to == "-", year=year), amount.to
        words = f"{start}-{words}" if to == "-" else language.join(start, to, words)
    if not scale:
        return words
    name = language.form(language.section("scales").get(scale) or scale, last.value)
    joint = language.section("numbers").get("scale joint", " ")  # five million, ötmillió
    return language.join(words, name) if last.fraction else f"{words}{joint}{name}"


def _number(number: Number, language: Language, gender: str, *, counts: bool = False, year: bool = False) -> str:
    if len(number.whole) > 15 or (len(number.whole) > 1 and number.whole[0] == "0"):
        return language.digits(number.whole)
    if number.fraction:
        return language.decimal(number.whole, number.fraction)
    if year and language.section("numbers").get("hundreds") and 1100 <= int(number.whole) < 2000:
        return language.year(int(number.whole))  # fifteen hundred
    return language.count(int(number.whole), gender) if counts else language.cardinal(int(number.whole), gender)


def _money(amount: Amount, language: Language) -> str:
    """`[gender] name in its forms, [gender] name of the hundredth part`, as the table has it."""
    entry = language.section("currencies")[amount.before or amount.after or ""]
    (gender, name), (cents_gender, cents_name) = map(_with_gender, (str(entry) + ",").split(",")[:2])
    last = amount.numbers[-1]
    if amount.scale:
        of, name = language.word("of"), language.form(name, 1 if amount.single else 1_000_000)
        elided = of.endswith("'") and name[0] in "aeiouyhé"
        joint = f"{of}{name}" if elided else language.join(of.replace("d'", "de"), name)
        return language.join(_scaled(amount, language, "", counts=True), joint)
    if amount.second or not cents_name or not last.fraction or len(last.fraction) > 2:
        value = 1 if amount.single else last.value
        return language.join(_scaled(amount, language, gender, counts=True), language.form(name, value))
    units, cents = int(last.whole), int(last.fraction.ljust(2, "0"))
    whole = language.join(language.count(units, gender), language.form(name, units))
    rest = language.join(language.count(cents, cents_gender), language.form(cents_name, cents))
    if not cents:
        return whole
    return language.join(whole, language.word("and cents"), rest) if units else rest


def _with_gender(name: str) -> tuple[str, str]:
    gender, _, rest = name.strip().partition(" ")
    return (gender, rest) if gender in ("m", "f", "n") else ("", name.strip())
