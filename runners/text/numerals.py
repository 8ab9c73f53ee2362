"""Puts into words the numbers that upstream's normaliser fails on. Knows nothing of tokens or pieces.

Upstream reads numbers with num2words, which has no Hindi, no Czech ordinals (any number before a full stop),
no Hungarian fractions of more than three digits, and some zeros missing (coqui-tts 0.28, num2words 0.5.14).
"""

import re
from collections.abc import Callable

from num2words import num2words

_WORD = re.compile(r"\S+")
_DIGITS = re.compile(r"[0-9]+")
_FRACTION = re.compile(r"(?<=[0-9])[.,]([0-9]+)")
_GROUPS = re.compile(r"(?<=[0-9])\.(?=[0-9]{3}(?![0-9]))")  # 1.000.000
_INDIAN_GROUPS = re.compile(r"(?<=[0-9]),(?=[0-9])")  # 10,00,000
_CZECH_DOT = re.compile(r"(?<=[0-9])\.(?=\s+([^\W\d_]))")

_HINDI = """
शून्य एक दो तीन चार पाँच छह सात आठ नौ
दस ग्यारह बारह तेरह चौदह पंद्रह सोलह सत्रह अठारह उन्नीस
बीस इक्कीस बाईस तेईस चौबीस पच्चीस छब्बीस सत्ताईस अट्ठाईस उनतीस
तीस इकतीस बत्तीस तैंतीस चौंतीस पैंतीस छत्तीस सैंतीस अड़तीस उनतालीस
चालीस इकतालीस बयालीस तैंतालीस चौंतालीस पैंतालीस छियालीस सैंतालीस अड़तालीस उनचास
पचास इक्यावन बावन तिरपन चौवन पचपन छप्पन सत्तावन अट्ठावन उनसठ
साठ इकसठ बासठ तिरसठ चौंसठ पैंसठ छियासठ सड़सठ अड़सठ उनहत्तर
सत्तर इकहत्तर बहत्तर तिहत्तर चौहत्तर पचहत्तर छिहत्तर सतहत्तर अठहत्तर उन्यासी
अस्सी इक्यासी बयासी तिरासी चौरासी पचासी छियासी सत्तासी अठासी नवासी
नब्बे इक्यानवे बानवे तिरानवे चौरानवे पचानवे छियानवे सत्तानवे अट्ठानवे निन्यानवे
""".split()  # noqa: SIM905 (a hundred quoted words are harder to read)
_HINDI_SCALE = (
    (10**13, "नील"),
    (10**11, "खरब"),
    (10**9, "अरब"),
    (10**7, "करोड़"),
    (10**5, "लाख"),
    (10**3, "हज़ार"),
    (10**2, "सौ"),
)


def spell_out(text: str, code: str, reads: Callable[[str], bool]) -> str:
    """`text` with the words that hold a digit and that `reads` says no to written without digits.

    Whole numbers, of 15 digits at most, become cardinals; a fraction is read digit by digit. `code` is the
    language's, without region. Raises what num2words raises for a language it does not have.
    """
    if code == "cs":  # "3. května": this dot makes an ordinal and ends no sentence
        text = _CZECH_DOT.sub(lambda dot: "" if dot[1].islower() else ".", text)
    return _WORD.sub(lambda word: word[0] if _is_fine(word[0], reads) else _in_words(word[0], code), text)


def _is_fine(word: str, reads: Callable[[str], bool]) -> bool:
    return not _DIGITS.search(word) or reads(word)


def _in_words(word: str, code: str) -> str:
    word = (_INDIAN_GROUPS if code == "hi" else _GROUPS).sub("", word)
    word = _FRACTION.sub(lambda match: _fraction(match[1], code), word)
    return _DIGITS.sub(lambda digits: _cardinal(digits[0], code), word)


def _fraction(digits: str, code: str) -> str:
    point = " दशमलव " if code == "hi" else ", "
    return point + " ".join(_cardinal(digit, code) for digit in digits)


def _cardinal(digits: str, code: str) -> str:
    return _hindi(int(digits)) if code == "hi" else str(num2words(int(digits), lang=code))


def _hindi(number: int) -> str:
    if number < 100:
        return _HINDI[number]
    value, name = next(scale for scale in _HINDI_SCALE if scale[0] <= number)
    count, rest = divmod(number, value)
    return f"{_hindi(count)} {name} {_hindi(rest)}" if rest else f"{_hindi(count)} {name}"
