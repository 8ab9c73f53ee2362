"""One language's rules for reading: its table (languages/*.yaml), CLDR's number words, months and units.

What a table may hold is listed in languages/README.md. A language whose numbers change more than a table can say is a
class of its own: english.py, hungarian.py, slavic.py.
"""

import re
from collections.abc import Mapping
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml
from babel import Locale

from runners.text.spellout import LARGEST, Spellout
from runners.text.units import UNITS

TABLES = Path(__file__).parent / "languages"


_NONE: Mapping[str, Any] = {}


class Language:
    """Threads may share one."""

    def __init__(self, code: str) -> None:
        """Raises FileNotFoundError for a language that has no table."""
        self.code = code
        table = yaml.safe_load((TABLES / f"{code}.yaml").read_text("utf-8"))
        self._sections: Mapping[str, Mapping[str, Any]] = {name: section or _NONE for name, section in table.items()}
        self._locale = Locale.parse(code)
        self._spellout = Spellout(code)

    def word(self, name: str) -> str:
        """One of the words in the table's `words`; the empty string where the language has none for it."""
        return str(self._sections["words"].get(name, ""))

    def section(self, name: str) -> Mapping[str, Any]:
        return self._sections.get(name, _NONE)

    # Numbers in words. `gender` is one of the table's: m, f or n.

    def cardinal(self, number: int, gender: str = "") -> str:
        if number >= LARGEST:
            return self.digits(str(number))
        numbers = self.section("numbers")
        if number == 0 and "zero" in numbers:
            return str(numbers["zero"])
        return self._started(self._spellout.words(number, numbers.get(gender) or numbers["rules"]))

    def _started(self, words: str) -> str:
        """What the table says of the first words: `одна тысяча` is `тысяча` in Russian."""
        for start, better in self.section("numbers").get("starts", {}).items():
            if words.startswith(start):
                words = str(better) + words[len(start) :]
        for part, better in self.section("numbers").get("instead", {}).items():
            words = words.replace(part, better)
        for end, better in self.section("numbers").get("ends", {}).items():
            words = words.removesuffix(end) + str(better) if words.endswith(end) else words
        return words

    def count(self, number: int, gender: str = "") -> str:
        """A cardinal with what it counts after it."""
        return self.cardinal(number, gender)

    counting = False  # whether numbers change where they count

    def counts(self, word: str) -> bool:
        """Whether a number before `word` counts it."""
        return False

    def is_attribute(self, before: str, after: str) -> bool:
        """Whether an amount between these words belongs to the noun that follows, as in `a 5 km run`."""
        return False

    def gender(self, rest: str, last: str) -> str:
        """The gender, or kind of number, that what follows a number asks for: by a table's `counters` or `endings`,
        of which some count after a number with a certain `last` digit only."""
        for gender, words in self.section("counters").items():
            if rest.lstrip(" ").startswith(tuple(words)):
                return gender
        endings = self.section("endings")
        if not endings:
            return ""
        word = rest[1:].split(" ", 1)[0].rstrip(".,;:!?") if rest[:1] == " " else ""
        capital = self.section("numbers").get("nouns") == "capital"
        counted, short = (word[:1].isupper(), 1) if capital else (word.islower(), 2)
        for gender, ends in endings.get(f"after {last}", endings).items():
            if counted and len(word) > short and word.endswith(tuple(ends)):
                return str(gender)
        return ""

    def between(self, before: str, after: str) -> str:
        """What stands between the two ends of a range; a hyphen where they are one word."""
        ranges = self.section("ranges")
        return str(ranges.get(before.lower()) or ranges.get(f"# {after}") or self.word("to"))

    def digits(self, digits: str) -> str:
        """One by one; of a very long run the first 300, as no more could be followed."""
        names = self._digits
        return str(self.section("numbers").get("joint", " ")).join([names[int(each)] for each in digits[:300]])

    @cached_property
    def _digits(self) -> list[str]:
        return [self.cardinal(each) for each in range(10)]

    def decimal(self, whole: str, fraction: str) -> str:
        start = self.cardinal(int(whole), "f" if self.section("parts") else "")
        if name := self.section("parts").get(str(len(fraction))):  # tenths, hundredths
            of_one = self.form(self.section("parts")["whole"], int(whole))
            return f"{start} {of_one} {self.cardinal(int(fraction), 'f')} {self.form(name, int(fraction))}"
        if self.section("numbers").get("fraction") == "number" and len(fraction) <= 3:
            zeros = [self.cardinal(0)] * (len(fraction) - len(fraction.lstrip("0")))
            rest = [self.cardinal(int(fraction))] if fraction.strip("0") else []
            return " ".join([start, self.word("point"), *zeros, *rest])
        return self.join(start, self.word("point"), self.digits(fraction))

    def join(self, *words: str) -> str:
        return str(self.section("numbers").get("joint", " ")).join(word for word in words if word)

    def times(self, number: int, sign: str) -> str:
        """`3 x` or `3 ×`, where another number follows."""
        by = self.word("by") if sign == "x" else ""
        return self.join(self.cardinal(number), by or str(self.section("signs").get("×", "x")))

    def ordinal(self, number: int, form: str = "") -> str:
        """`form`: one of the table's under `ordinals`; the first of them by default."""
        forms = self.section("ordinals")
        return self._started(self._spellout.words(number % LARGEST, forms.get(form) or next(iter(forms.values()))))

    def year(self, number: int) -> str:
        rules = self.section("numbers").get("year")
        return self._spellout.words(number, rules) if rules else self.cardinal(number)

    @property
    def takes_endings(self) -> bool:
        """Whether endings are written after a hyphen or an apostrophe, and read as one word with what is before it."""
        return "ending" in self.section("numbers")

    @cached_property
    def ending(self) -> re.Pattern[str]:
        return re.compile(rf"(?:{self.section('numbers')['ending']})([^\W\d_]{{1,6}})(?![^\W_])")

    def attach(self, words: str, suffix: str) -> str:
        """An ending that was written after a hyphen or an apostrophe, put on the last of `words`."""
        if suffix[0].isupper():
            return f"{words}-{suffix}"
        for whole, stem in self.section("stems").items():
            if words.endswith(whole) and (self.code != "tr" or suffix[0] in "aeıioöuü"):
                return words.removesuffix(whole) + str(stem) + suffix
        return words + suffix

    def is_ending(self, letters: str) -> bool:
        """Whether what a hyphen parts from a word is its ending, and no word of its own."""
        return self.code == "tr"

    # What belongs to numbers.

    def plural(self, number: Decimal | int) -> str:
        """CLDR's plural category: one, two, few, many or other."""
        return str(self._locale.plural_form(number))

    def form(self, forms: str, number: Decimal | int) -> str:
        """The one of `forms` (one/other, or one/few/many, maybe with another for fractions) that goes with `number`."""
        choices = forms.split("/")
        if len(choices) > 3 and number != int(number):
            return choices[3]
        category = self.plural(number)
        if len(choices) == 1 or category == "one":
            return choices[0]
        if len(choices) == 2:
            return choices[1]
        return choices[1] if category in ("few", "two") or number != int(number) else choices[2]

    def unit(self, name: str, number: Decimal | int) -> str:
        """`{0} kilometers`, by CLDR's name of the unit."""
        patterns = self._locale._data["unit_patterns"][name]["long"]
        return " ".join(str(patterns.get(self.plural(number)) or patterns["other"]).split())

    @cached_property
    def months(self) -> Mapping[str, int]:
        """Names and abbreviations as they are written in dates, lower-case and without a full stop."""
        names: dict[str, int] = {}
        for context in ("stand-alone", "format"):
            for width in ("abbreviated", "wide"):
                names |= {str(name): number for number, name in self._locale.months[context][width].items()}
        names |= self.section("months")
        return {name.lower().strip("."): number for name, number in names.items() if not name[0].isdigit()}

    def month(self, number: int) -> str:
        name = str(self._locale.months["format"]["wide"][number])
        return str(self.section("month names").get(str(number), name.replace(str(number), self.cardinal(number))))

    @cached_property
    def abbreviations(self) -> Mapping[str, str]:
        """As they are written, with their full stops, and with ` #` or ` A` where a number or a capital must follow."""
        return self.section("abbreviations")

    def is_short(self, word: str | None) -> bool:
        """Whether what looks like a word is an abbreviation, or a numeral such as `Xe`."""
        return bool(word) and (word in self.unmarked or (self._marked_roman.fullmatch(word or "") is not None))

    @cached_property
    def _marked_roman(self) -> re.Pattern[str]:
        return re.compile(rf"[IVX](?:{self.section('roman').get('mark', '(?!)')})")

    @cached_property
    def short_starts(self) -> frozenset[str]:
        """What abbreviations begin with: letters in lower case."""
        return frozenset(re.split(r"[\W\d_]", key.lower(), maxsplit=1)[0] for key in self.abbreviations)

    @cached_property
    def governed(self) -> frozenset[str]:
        """Abbreviations that the word after them may change."""
        parted = (key.rpartition(" ") for key in self.abbreviations)
        return frozenset(key for key, _, follows in parted if follows.isalpha() and follows != "A")

    @cached_property
    def measures(self) -> frozenset[str]:
        """Words that belong to a number before them."""
        names = ("currencies", "units", "scales", "percent")
        return frozenset(str(key) for name in names for key in self.section(name)) | UNITS.keys()

    @cached_property
    def unmarked(self) -> frozenset[str]:
        """Abbreviations that look like words."""
        return frozenset(key.split()[0] for key in self.abbreviations if key.split()[0].isalpha())
