"""Reads words that are written short: abbreviations, initials, acronyms, names of code."""

import re

from runners.text.language import Language
from runners.text.reading import MARKS, Reading, with_ending, word_after, word_before
from runners.text.roman import read_roman
from runners.text.shapes import apart, letters, pronounceable

_DOTTED = re.compile(r"[^\W\d_]{1,12}(?:(?:\.-?[ \u00a0]?|-)[^\W\d_]{1,6}){0,4}\.")
_INNER = re.compile(r"[^\W\d_]{1,12}(?:\.[^\W\d_]{1,12}){1,4}")
_SLASHED = re.compile(r"[^\W\d_]{1,5}/[^\W\d_]{0,5}(?![^\W_])")
_MARKED = re.compile(rf"[nN]\.?[°º]|[^\W\d_]{{1,3}}-[^\W\d_]{{1,3}}|[^\W\d_][\w{MARKS}]{{1,9}}\.?")
_VERSION = re.compile(r"[vV]\.?(\d{1,4}(?:\.\d{1,4}){0,4})(?!\w|\.\d)")
_AND = re.compile(r"([A-Z]{1,3})&([A-Z]{1,3})(?![^\W_])")
_CAPITALS = re.compile(r"(?=[^\Wa-zà-ÿ\d_])([^\W\d_]{1,60}?)((?<=[A-Z][A-Z])s)?(?![^\W\d_])")
_NUMERAL = re.compile(r"[ \u00a0]?[IVX]+(?![^\W_])")
_FIGURE = re.compile(r"[-–]?\d")
_WORD = re.compile(r"[^\W\d_]+")
_JOINED = re.compile(r"(?=[^\W\d_]{0,40}_\w|[^\W_]{0,40}[a-zà-ÿ][A-ZÀ-Þ])_?[^\W\d]\w*")
_INITIAL_BEFORE = re.compile(r"(?<!\w)[^\W\d_]\.[ \u00a0]?\Z")
_INITIALS = re.compile(r"(?:[^\W\d_]\.){2,8}(?![^\W_])")
_INITIAL = re.compile(r"[^\W\d_]\.(?=[ \u00a0]?[^\W\d_])")


def read_word(text: str, at: int, language: Language) -> Reading | None:
    if version := _VERSION.match(text, at):
        words = [language.cardinal(int(part)) for part in version[1].split(".")]
        said = f"{language.word('version')} " + f" {language.word('dot')} ".join(words)
        return with_ending(Reading(version.end(), said), text, language)
    return (
        _and(text, at, language)
        or _abbreviation(text, at, language)
        or _compound(text, at, language)
        or (text[at] in "IVXLCDM" and read_roman(text, at, language))
        or _initials(text, at, language)
        or _code(text, at)
        or _capitals(text, at, language)
    )


def _abbreviation(text: str, at: int, language: Language) -> Reading | None:
    """The longest that stands here. In a table, a word, ` #` (a number) or ` A` (a capital) is what must follow."""
    start = _WORD.match(text, at, at + 40)
    if start is None or start[0].lower() not in language.short_starts:
        return None
    for pattern in (_INNER, _DOTTED, _SLASHED, _MARKED, _WORD):
        found = pattern.match(text, at, at + 40)
        written = found[0] if found else ""
        if f"{written}." in language.abbreviations and text.startswith(".", at + len(written)):
            written += "."  # `Ph.D.`, where there is `Ph.D` too
        while written:
            stop = at + len(written)
            words = _long(written, text, stop, language)
            beside = text[stop : stop + 1]
            tight = written[-1] == "." and beside.isdecimal()  # `No.1`
            if words is not None and (tight or not beside.isalnum()) and not _is_initial(written, text, at):
                said = _as_before(written, words)
                with_case = with_ending(Reading(stop, said), text, language)  # `Bp.-i`, `Ft-ban`
                if with_case.stop > stop:
                    return with_case
                return Reading(stop, said + (" " if tight else _end(text, written, stop)))
            written = written[: written.rstrip(".").rfind(".") + 1] if "." in written.rstrip(".") else ""
    return None


def _is_initial(written: str, text: str, at: int) -> bool:
    """`S.` in `J. S. Bach`."""
    if len(written) > 2 or not written[0].isupper():
        return False
    return bool(_INITIAL_BEFORE.search(text, max(0, at - 4), at))


def _long(written: str, text: str, stop: int, language: Language) -> str | None:
    follows = text[stop : stop + 3].lstrip(" \u00a0")[:1]
    table = language.abbreviations
    for key in (written, written.lower()):
        if f"{key} #" in table and (follows.isdecimal() or _NUMERAL.match(text, stop)):
            return table[f"{key} #"]
        if follows.isupper() and f"{key} A" in table:
            return table[f"{key} A"]
        if key in language.governed and (governed := f"{key} {word_after(text, stop)}") in table:
            return table[governed]
        if key in table:
            return table[key]
    return None


def _compound(text: str, at: int, language: Language) -> Reading | None:
    """`Bahnhofstr.`, `St-Denis`: a table's `compounds`, short ends and starts of words."""
    for short, whole in language.section("compounds").items():
        if short.endswith("-"):
            if text.startswith(short, at) and text[at + len(short) :][:1].isupper():
                return Reading(at + len(short), whole)
        elif (
            (found := _WORD.match(text, at, at + 40))
            and found[0].endswith(short[:-1])
            and text[found.end() :][:1] == "."
        ):
            return Reading(found.end() + 1, found[0].removesuffix(short[:-1]) + whole)
    return None


def _as_before(written: str, words: str) -> str:
    return (
        words[0].upper() + words[1:]
        if written[0].isupper() and written[1:2].islower() and words[0].islower()
        else words
    )


def _end(text: str, written: str, stop: int) -> str:
    """The full stop of an abbreviation ends the sentence too, where nothing follows, or a new line."""
    return "." if written.endswith(".") and not text[stop : stop + 200].strip(" \"')»”") else ""


def _initials(text: str, at: int, language: Language) -> Reading | None:
    """`U.S.`, `J. S. Bach`: letters without their full stops, which end no sentence."""
    if found := _INITIALS.match(text, at):
        return Reading(found.end(), letters(found[0].replace(".", ""), language) + _end(text, ".", found.end()))
    if (found := _INITIAL.match(text, at)) and found[0][0].isupper():
        after = text[found.end() : found.end() + 2].lstrip(" \u00a0")
        if after[:1].isupper():
            return Reading(found.end(), letters(found[0][0], language))
    return None


def _and(text: str, at: int, language: Language) -> Reading | None:
    """`AT&T`, `Q&A`."""
    if found := _AND.match(text, at):
        words = f"{letters(found[1], language)} {language.section('signs').get('&', '')} {letters(found[2], language)}"
        return Reading(found.end(), words)
    return None


def _code(text: str, at: int) -> Reading | None:
    found = _JOINED.match(text, at)
    words = apart(found[0]) if found else ""
    return Reading(found.end(), words) if found and words != found[0] else None


def _capitals(text: str, at: int, language: Language) -> Reading | None:
    found = _CAPITALS.match(text, at)
    if found is None or not found[1].isupper() or language.section("numbers").get("unspaced"):
        return None
    word, stop = found[1], found.end()
    numbered = text[at - 1 : at].isdecimal() or _FIGURE.match(text, stop)  # `A4`, `5G`, `F-16`
    if (len(word) < 2 and not numbered) or text[stop : stop + 1] == "_":
        return None
    if found[2]:  # `DVDs`
        return Reading(stop, f"{letters(word, language)}'s") if language.code == "en" else None
    if not is_spelled(word, language) or (pronounceable(word) and _is_shouted(text, at, stop, language)):
        reading = with_ending(Reading(stop, word.lower()), text, language)
        return reading if reading.stop > stop else None
    return with_ending(Reading(stop, letters(word, language)), text, language)


def is_spelled(word: str, language: Language) -> bool:
    if word in language.section("read"):
        return False
    short = 3 if language.section("numbers").get("spell two") else 2
    return len(word) < short or word in language.section("spelled") or (len(word) <= 6 and not pronounceable(word))


def _is_shouted(text: str, at: int, stop: int, language: Language) -> bool:
    """Whether a word beside it is in capitals too, and is none that would be spelled."""
    beside = (word_before(text, at), word_after(text, stop))
    return any(len(word) > 2 and word.isupper() and not is_spelled(word, language) for word in beside)
