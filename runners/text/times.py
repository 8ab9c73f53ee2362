"""Reads times of the day: 15:30, 15h30, 3:30 pm. A table's `times` has the patterns."""

import re
from functools import lru_cache

from runners.text.language import Language
from runners.text.reading import Reading, with_ending, word_before

_RANGE = re.compile(r"(?<!\d)\d{1,2}\.\d\d[-–]\d{1,2}\.\d\d(?!\d)")
_CLOCK = r"(?P<hour>[01]?\d|2[0-4])(?P<mark>{mark})(?P<minute>[0-5]\d)(?::(?P<second>[0-5]\d))?(?![\d:]|[.,]\d)"


@lru_cache
def _pattern(language: Language) -> re.Pattern[str]:
    times = language.section("times")
    after = times.get("after")
    return re.compile(
        _CLOCK.format(mark=times.get("mark", ":"))
        + (rf"(?:[ \u00a0]?(?P<after>{after})(?![^\W\d_]))?" if after else "")
    )


def read_time(text: str, at: int, language: Language) -> Reading | None:
    times = language.section("times")
    found = _pattern(language).match(text, at) if times else None
    if found is None:
        return None
    before = word_before(text, at).lower()
    if found["mark"] == "." and not (
        (times.get("after") and found["after"])
        or before in times.get("before", ())
        or _RANGE.search(text, max(0, at - 6), at + 11)
    ):
        return None
    hour, minute = int(found["hour"]), int(found["minute"])
    form = next((form for form, words in times.get("hour after", {}).items() if before in words), times.get("hour"))
    gender = times.get("gender", "") if hour <= 12 else times.get("late gender", times.get("gender", ""))
    said = {
        "hour": language.ordinal(hour, form) if form else language.count(hour, gender),
        "minute": language.cardinal(minute, times.get("minute gender", gender)),
    }
    name = "full" if not minute else "few" if minute < 10 and "few" in times else "pattern"
    if name == "full" and hour > 12:
        name = "later" if "later" in times else "full"
    words = str(times.get(f"at {hour}", "")) if not minute else ""
    words = words or language.form(str(times.get(name, times["pattern"])), hour).format(**said)
    if found["second"] and int(found["second"]):
        words = language.join(words, language.cardinal(int(found["second"])))
    stop = found.end()
    if text[stop - 1] == "." and not text[stop : stop + 40].strip():  # it ends the sentence too
        stop -= 1
    if text[stop : stop + 1] in ("-", "–") and language.word("to") != "-" and _pattern(language).match(text, stop + 1):
        return Reading(stop + 1, f"{words} {language.word('to')} ")
    return with_ending(Reading(stop, words), text, language)
