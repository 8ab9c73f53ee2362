"""Where sentences end. A full stop after an abbreviation, an initial or an ordinal ends none. Knows no lengths."""

import re
from collections.abc import Iterator
from functools import lru_cache

from runners.text.normalise import language_of

_END = re.compile(r"""(?:[!?…。！？؟।॥۔]+|\.+(?=["'»”“’)\]]*\s))["'»”“’)\]」』）》]*""")
_BEFORE = re.compile(
    r"(?:[^\W\d_][\w-]*\.[ \u00a0]?)*[\w/-]+\.\Z"
)  # the word that the full stop belongs to, `p. ex.` whole
_AFTER = re.compile(r"[\s\"'„“”«»(\[–—-]*(\w)")
_PART = re.compile(r"[ \u00a0]?[^\W\d_]{1,2}\.")
_WORDS = {"": "Iaeiouyvszo", "pl": "iaozwu", "cs": "iaoszvku", "ru": "иаовсяку", "es": "yeoua"}  # of one letter
_COMPOUNDS = frozenset(("de", "nl"))
_DOTTED_LETTERS = re.compile(r"[A-Z](?:\.[A-Z])+")
_NEXT = re.compile(  # what follows is no new sentence's first word
    r"\s+(?!(?:I|He|She|It|We|They|You|The|This|That|These|Those|There|A|An|In|On|At|But|And|So|If|When|What|Why|How|My|His|"
    r"Her|Our|Their|Now|Then|As|For|Its|Not|No|Yes|However|After|Before|While|Since)\b)[A-Z]"
)
_ROMAN = re.compile(r"[IVXLCDM]+\Z")
_DOTTED = frozenset(("hu", "de", "cs", "pl", "tr"))  # ordinals are written with a full stop
_LAST = frozenset(
    """
apod. atd.   ecc. enz. etc.  itd. itp.    stb.   usw. vb. vs.    т.д. т.п.
""".split()  # noqa: SIM905 (quoted words are harder to read)
)
REACH = 24


def sentence_ends(text: str, code: str = "") -> Iterator[int]:
    """Each place where one ends, after its last sign. `code`: the language's, without region; empty: any."""
    for found in _END.finditer(text):
        if found[0][0] != "." or _ends(text, found, code):
            yield found.end()


def _ends(text: str, found: re.Match[str], code: str) -> bool:
    after = _AFTER.match(text, found.end(), found.end() + 8)
    if after is None or found[0].startswith(".."):
        return True
    before = _BEFORE.search(text, max(0, found.start() - REACH), found.start() + 1)
    if before is None:
        return True
    word = before[0].rpartition(" ")[2][:-1]
    if code == "en" and _DOTTED_LETTERS.fullmatch(word):  # `the U.S. Army`
        return not after[1].islower() and _NEXT.match(text, found.end()) is None
    if len(word) <= 2 and _PART.match(text, found.end()):  # `z. B.`
        return False
    if after[1].islower() and (len(word) < 4 or not word.isalpha()):
        return False
    if len(word) == 1 and word.isalpha() and word.upper() != word.lower() and word not in _WORDS.get(code, "I"):
        return False
    if code in _DOTTED and len(word) <= 4:
        if word.isdecimal() and (len(word) <= 2 or after[1].isdecimal()):
            return False
        if _ROMAN.match(word):
            return False
    if code in _COMPOUNDS and word.endswith(_compounds(code)):
        return False
    if after[1].isdecimal() and word.lower() in ("no", "nr", "n", "p", "pp", "vol", "art", "fig"):
        return False
    return not _is_abbreviation(before[0], code)


def _is_abbreviation(written: str, code: str) -> bool:
    while written:
        if written.lower() in _LAST:
            return False
        if written.lower() in _abbreviations(code):
            return True
        written = written[written.index(" ") + 1 :] if " " in written else ""
    return False


@lru_cache
def _abbreviations(code: str) -> frozenset[str]:
    keys = language.abbreviations if (language := language_of(code)) else ()
    return frozenset(key.removesuffix(" #").removesuffix(" A").lower() for key in keys)


@lru_cache
def _compounds(code: str) -> tuple[str, ...]:
    """Ends of words, without their full stops."""
    return tuple(each[:-1] for each in language.section("compounds")) if (language := language_of(code)) else ()
