"""English: `and` in cardinals, years in pairs, and what is read as a year."""

import re

from runners.text.language import Language
from runners.text.reading import Reading, word_after, word_before
from runners.text.spellout import LARGEST

_HUNDRED = re.compile(r"hundred (?!thousand|million|billion|trillion)")
_YEAR = re.compile(
    r"(?P<year>1[1-9]\d\d|20\d\d|(?<=[iI]n )10\d\d)(?!\d|,\d|\.\d|[:%/]|-?(?:st|nd|rd|th)\b)"
    r"(?:[–-](?P<to>(?:1[1-9]|20)\d\d|\d\d)(?![\d-]))?"
)
_MERIDIEM = re.compile(
    r"(?P<hour>1[0-2]|0?[1-9])(?::(?P<minute>[0-5]\d))?[ \u00a0]?(?P<half>[ap]\.?m\b\.?)", re.IGNORECASE
)
_FEET = re.compile(r"(\d)(?:['′](\d{1,2})?(?:[\"″]|''|(?<=\d)(?!\w))| ?ft\.? ?(\d{1,2}) ?in\b)")
_INCHES = re.compile(r'(\d{1,3})"(?= [a-z])')
_HOURS = re.compile(r"(\d{1,2}) ?h(?:rs?)? ?([0-5]?\d) ?m(?:in)?(?!\w)")
_DAY = re.compile(
    r"(?P<day>[0-3]?\d)(?:st|nd|rd|th)?(?:[–-](?P<to>[0-3]?\d))?(?:,? (?P<year>1\d{3}|20\d\d)(?!\d))?(?![\w:/]|[.,]\d)"
)
_DECADE = re.compile(r"(?P<century>1\d|20)?(?P<decade>\d0)['’]?s(?![^\W_])")
_NO_NOUNS = ("a", "an", "per", "each", "and", "or", "in", "on", "for", "from", "to", "more", "less", "is", "was")
_BEFORE = frozenset(
    """
about after and april around august autumn before by circa copyright december during early fall february from
in january july june late march may mid november october of september since spring summer till to until winter
year
""".split()  # noqa: SIM905 (quoted words are harder to read)
)


class English(Language):
    def cardinal(self, number: int, gender: str = "") -> str:
        """`and` before the last two digits, as in most of the speech that the model learned from."""
        if number < 100 or number >= LARGEST:
            return super().cardinal(number)
        head, rest = number - number % 1000, number % 1000
        words = _HUNDRED.sub("hundred and ", super().cardinal(number))
        if head and 0 < rest < 100:
            return f"{_HUNDRED.sub('hundred and ', super().cardinal(head))} and {super().cardinal(rest)}"
        return words

    def ordinal(self, number: int, form: str = "") -> str:
        if number < 100:
            return super().ordinal(number)
        rest = number % 100
        return f"{self.cardinal(number - rest)} and {super().ordinal(rest)}" if rest else super().ordinal(number)

    def year(self, number: int) -> str:
        if 1000 < number < 1100 and number > 1009:
            return f"ten {self.cardinal(number % 100)}"
        return super().year(number).replace("oh-", "oh ")

    def is_attribute(self, before: str, after: str) -> bool:
        return before in ("a", "an", "A", "An") and after[:1].islower() and after not in _NO_NOUNS


def read_clock(text: str, at: int, language: Language) -> Reading | None:
    """`3:30 pm`, `3pm`, `5'10"`, and the day after a month."""
    if found := _MERIDIEM.match(text, at):
        hour, minute = language.cardinal(int(found["hour"])), int(found["minute"] or 0)
        past = f" {'oh ' if minute < 10 else ''}{language.cardinal(minute)}" if minute else ""
        half, end = found["half"], "." if found["half"].endswith(".") and not text[found.end() :].strip() else ""
        to = " to " if _MERIDIEM.match(text, found.end() + 1) and text[found.end()] in "-–" else ""
        return Reading(found.end() + bool(to), f"{hour}{past} {half[0].lower()} m{end}{to}")
    if found := _FEET.match(text, at):
        inches = f" {language.cardinal(int(found[2] or found[3]))}" if found[2] or found[3] else ""
        return Reading(found.end(), f"{language.cardinal(int(found[1]))} foot{inches}")
    if (found := _INCHES.match(text, at)) and not text.count('"', max(0, at - 200), at) % 2:
        return Reading(found.end(), f"{language.cardinal(int(found[1]))} inch{'' if found[1] == '1' else 'es'}")
    if found := _HOURS.match(text, at):
        names = zip(("hour", "minute"), found.groups(), strict=True)
        said = (language.unit(f"duration-{name}", int(n)).format(language.cardinal(int(n))) for name, n in names)
        return Reading(found.end(), " ".join(said))
    month = language.months.get(word_before(text, at).lower())
    if month and text[at - 1] in " ." and (found := _DAY.match(text, at)) and int(found["day"]) <= 31:
        words = language.ordinal(int(found["day"]))
        if found["to"]:
            words += f" to {language.ordinal(int(found['to']))}"
        if found["year"]:
            words += f", {language.year(int(found['year']))}"
        return Reading(found.end(), words)
    return None


def read_year(text: str, at: int, language: Language) -> Reading | None:
    """Four digits are a year after `in` and its like, and wherever no noun follows that they might count."""
    if decade := _DECADE.match(text, at):
        words = language.cardinal(int(decade["decade"])) if decade["decade"] != "00" else "hundred"
        plural = words[:-1] + "ies" if words.endswith("y") else words + "s"
        if decade["century"] == "20" and decade["decade"] == "00":
            return Reading(decade.end(), "two thousands")
        head = f"{language.cardinal(int(decade['century']))} " if decade["century"] else ""
        return Reading(decade.end(), head + plural)
    found = _YEAR.match(text, at)
    if found is None or text[max(0, at - 1) : at] in tuple("$€£#.,-+"):
        return None
    before, after = word_before(text, at).lower(), word_after(text, found.end())
    counted = after[:1].islower() and after.endswith("s") and after not in ("was", "is", "has", "as", "does", "names")
    if (counted or (len(after) > 1 and after in language.section("scales"))) and not (
        before in _BEFORE and found["to"]
    ):
        return None
    if before not in _BEFORE and after in ("people", "men", "women", "children", "percent", "km", "kg", "m", "degrees"):
        return None
    words = language.year(int(found["year"]))
    if found["to"]:
        to = int(found["to"])
        words += f" {language.between(before, '')} {language.year(to) if to > 99 else language.cardinal(to)}"
    return Reading(found.end(), words)
