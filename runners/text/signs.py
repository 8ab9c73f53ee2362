"""Reads signs that stand alone: of arithmetic, `&`, `@`, `№`, powers."""

import re

from runners.text.language import Language
from runners.text.reading import Reading, with_ending

SILENT = {"/": " ", "\\": "", "_": "", "|": "", "~": ""}  # between words; elsewhere readers of numbers have them
_BETWEEN = {"/": "over", ":": "ratio"}  # in `3/b` and `2:1`
_PART = re.compile(r"\d|[^\W\d_](?![^\W_])")
_TWO = ("<=", ">=", "!=", "==")
_SUM = re.compile(r"[-−–+*/:·](?: ?[\w().,]{1,8} ?[-−–+*/:·]?){1,3}=")
_FIGURES = re.compile(r"\d{1,15}")
_POWER = {"²": "squared", "³": "cubed"}
_SPACED = re.compile(r"(?:[+−×÷=<>*/:·-]|<=|>=|!=|==|->)(?= )")


def read_sign(text: str, at: int, language: Language) -> Reading | None:
    sign = text[at]
    if sign in _POWER and at and text[at - 1].isalnum():
        return Reading(at + 1, f" {language.word(_POWER[sign])}")
    if (spaced := _SPACED.match(text, at)) and text[max(0, at - 1) : at] == " ":
        arithmetic = _arithmetic(text, at, spaced[0], language)
        if arithmetic or sign not in "+=×÷":
            return arithmetic
    words = SILENT.get(sign, language.section("signs").get(sign))
    follows = text[at + 1 : at + 2]
    between = bool(follows.strip()) and text[at - 1 : at].isalnum()
    if (two := text[at : at + 2]) in _TWO and two in (names := language.section("arithmetic")):
        return Reading(at + 2, f" {names[two]} ")
    if sign in "-−–*/:·" and between and is_sum(text, at) and sign.replace("–", "-") in language.section("arithmetic"):
        return Reading(at + 1, f" {language.section('arithmetic')[sign.replace('–', '-')]} ")
    if sign == "#" and follows.isdecimal():
        words = language.section("signs").get("№")
    elif sign == "^" and follows.isdecimal() and between:
        if follows in "23" and not text[at + 2 : at + 3].isalnum() and language.word("squared"):
            return Reading(at + 2, f" {language.word('squared' if follows == '2' else 'cubed')}")
        words = language.word("power") or " "
    elif sign == "." and (
        not follows.isdecimal() or text[at - 1 : at].strip(' ("') or "," in language.section("numbers")["decimal"]
    ):
        return None
    elif sign == ".":
        found = _FIGURES.match(text, at + 1)
        return Reading(found.end(), f"{language.word('point')} {language.digits(found[0])}") if found else None
    elif sign == "/" and follows.isdecimal() and text[at - 1 : at].isalpha():
        words = language.word("per figure") or language.word("per")
    elif sign in _BETWEEN:
        if text[at - 1 : at].isdecimal() and _PART.match(text, at + 1):
            words = language.word(_BETWEEN[sign]) or " "
        elif sign == ":":
            return None
    if words is None or words == " ":
        return Reading(at + 1, words) if words else None
    left = " " if at and not text[at - 1].isspace() else ""
    right = " " if text[at + 1 : at + 2].strip() else ""
    reading = Reading(at + 1, f"{left}{words}")
    reading = reading if sign in SILENT else with_ending(reading, text, language)
    return reading if reading.stop > at + 1 else Reading(at + 1, f"{left}{words}{right}")


def is_sum(text: str, at: int) -> bool:
    """Whether an equals sign follows what is counted up here: `10-3=7`."""
    return _SUM.match(text, at) is not None


def _arithmetic(text: str, at: int, sign: str, language: Language) -> Reading | None:
    """Between numbers or short names only: elsewhere a hyphen is a dash, and a stroke a pause."""
    before, after = text[max(0, at - 8) : at].rstrip(), text[at + len(sign) : at + len(sign) + 8].lstrip()
    operands = bool(before and after) and (_is_operand(before[-1], before[-2:-1]) and _is_operand(after[0], after[1:2]))
    words = language.section("arithmetic").get(sign)
    if not operands or words is None or (sign == ":" and not is_sum(text, at)):
        return None
    return Reading(at + len(sign), words)


def _is_operand(char: str, beside: str) -> bool:
    return char.isdecimal() or char in "()²³πx√%$€" or (char.isalpha() and not beside.isalpha())
