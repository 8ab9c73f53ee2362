"""Reads phone numbers and codes: figure by figure, in the groups that they are written in."""

import re
from functools import lru_cache

from runners.text.language import Language
from runners.text.reading import REACH, Reading, with_ending

_PHONE = re.compile(
    r"(?P<plus>\+|00(?=[1-9]\d{0,2}[ /-]\d{1,4}[ /-]))(?P<country>[1-9]\d{0,2})"
    r"(?:[ \u00a0./-]?\(?\d{1,5}\)?){2,6}(?!\w)"
    r"|(?:[18] ?)?\((?P<area>\d{2,4})\)[ \u00a0-]?(?P<local>\d{3,5}(?:[ -]\d{2,4}){1,3})(?!\w)"
    r"|(?P<groups>0\d{1,4}(?:[ /-]\d{1,4}){2,5}|(?:1-)?\d{3}-\d{3}-\d{4}|\d{3}-\d{4}|0\d{1,4}[ /-]\d{5,8}"
    r"|8[ -]\d{3}[ -]\d{3}(?:[ -]\d\d){2}|\d\d \d{3} \d\d \d\d|[2-9]\d\d \d{3} \d{4}"
    r"|(?P<nine>[5-9]\d\d \d{3} \d{3})(?! ?[\w%€$]))(?![\w/]|[.,]\d)"
)
_CALLED_NUMBER = re.compile(r"\d{1,5}(?:[ /-]?\d{1,6}){1,4}(?![\w/]|[.,]\d)")
_APART = (" ", ":", "\u00a0")
_CALLED = re.compile(
    r"(?<![\w-])(?:t[eé]l|тел|(?:telef|téléph|phone|fax|mobil|cell|móvil|телеф|komórk)\w*)[.:]{0,2} ?\Z", re.IGNORECASE
)


@lru_cache
def _by_digits(language: Language) -> re.Pattern[str]:
    return re.compile(str(language.section("numbers").get("by digits", "(?!)")))


def read_phone(text: str, at: int, language: Language) -> Reading | None:
    if code := _by_digits(language).match(text, at):  # of a place, for letters
        return Reading(code.end(), language.digits(code[0].replace("-", "")))
    if text[at].isdecimal() and text[max(0, at - 1) : at].isalnum():
        return None
    found = _PHONE.match(text, at)
    if found is None or (found["nine"] and language.code not in ("es", "pl")):
        near = text[max(0, at - 2) : at]
        if near[1:] not in _APART or near[0].isdecimal() or not _CALLED.search(text, max(0, at - REACH), at):
            return None
        found = _CALLED_NUMBER.match(text, at)
    elif not (found["local"] or "-" in found[0]) and sum(map(str.isdecimal, found[0])) < 9:
        return None
    if found is None:
        return None
    groups = re.findall(r"\d+", found[0])
    said = [_group(group, language) for group in groups]
    if found[0][0] == "+":
        said[0] = language.join(language.word("+"), said[0])
    return with_ending(Reading(found.end(), ", ".join(said)), text, language)


def _group(group: str, language: Language) -> str:
    pairs = language.section("numbers").get("phone") == "pairs" and len(group) == 2 and group[0] != "0"
    return language.cardinal(int(group)) if pairs else language.digits(group)
