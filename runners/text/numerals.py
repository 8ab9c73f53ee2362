"""Puts into words the numbers that upstream's normaliser fails on. Knows nothing of tokens or pieces.

Upstream reads numbers with num2words, which has no Hindi, no Czech ordinals (any number before a full stop),
no Hungarian fractions of more than three digits, and some zeros missing (coqui-tts 0.28, num2words 0.5.14).
"""

import re
from collections.abc import Callable

from num2words import num2words

from runners.text.normalise import language_of

_WORD = re.compile(r"\S+")
_DIGITS = re.compile(r"[0-9]+")
_FRACTION = re.compile(r"(?<=[0-9])[.,]([0-9]+)")
_GROUPS = re.compile(r"(?<=[0-9])\.(?=[0-9]{3}(?![0-9]))")  # 1.000.000
_INDIAN_GROUPS = re.compile(r"(?<=[0-9]),(?=[0-9])")  # 10,00,000
_CZECH_DOT = re.compile(r"(?<=[0-9])\.(?=\s+([^\W\d_]))")


def spell_out(text: str, code: str, reads: Callable[[str], bool]) -> str:
    """`text` with the words that hold a digit and that `reads` says no to written without digits.

    Whole numbers, of 15 digits at most, become cardinals; a fraction is read digit by digit. `code` is the
    language's, without region. Raises what num2words raises for a language it does not have.
    """
    if code == "cs":  # "3. května": this dot makes an ordinal and ends no sentence
        text = _CZECH_DOT.sub(lambda dot: "" if dot[1].islower() else ".", text)

    def words(found: re.Match[str]) -> str:
        return found[0] if not _DIGITS.search(found[0]) or reads(found[0]) else _in_words(found[0], code)

    return _WORD.sub(words, text)


def _in_words(word: str, code: str) -> str:
    word = (_INDIAN_GROUPS if code == "hi" else _GROUPS).sub("", word)
    word = _FRACTION.sub(lambda match: _fraction(match[1], code), word)
    return _DIGITS.sub(lambda digits: _cardinal(digits[0], code), word)


def _fraction(digits: str, code: str) -> str:
    point = " दशमलव " if code == "hi" else ", "
    return point + " ".join(_cardinal(digit, code) for digit in digits)


def _cardinal(digits: str, code: str) -> str:
    hindi = language_of(code) if code == "hi" else None
    return hindi.cardinal(int(digits)) if hindi else str(num2words(int(digits), lang=code))
