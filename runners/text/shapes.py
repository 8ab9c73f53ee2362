"""Words that are not written as words: camelCase and snake_case, acronyms, capitals."""

import re

from runners.text.language import Language

_HUMP = re.compile(r"(?<=[^\W\d_])(?<!Mc)(?<!Mac)(?<=[a-zà-öø-ÿ])(?=[A-ZÀ-ÖØ-Þ])|(?<=[A-Z])(?=[A-Z][a-z]{2})")
_NO_START = re.compile(
    r"(?![cgpstwz]h|[gklnt]y|[csz]z|[cdz]s|dz|[kgp]n|s[bcdfkmnpqtvwz]|[kt]w|kv|ps|pf|ts|с[бвгдкмнптфхц]|вс|зд|зн|зв|дв|кн|см|пт|пс|мн)"
    r"[bcdfghjkmnpqstvwxzбвгджзкмнпстфхцчшщ][bcdfghjkmnpqstvwxzбвгджзкмнпстфхцчшщ]|[lrnmлрнм][^aeiouyáéíóöőúüűäаеёиоуыэюяіь]"
)
VOWELS = frozenset("aeiouyáéíóöőúüűàèìòùâêîôûäëïãõåæøœąęěůýıаеёиоуыэюя")


def apart(word: str) -> str:
    """`snake_case` and `camelCase` as their words."""
    return " ".join(_HUMP.sub(" ", word.replace("_", " ")).split())


def letters(word: str, language: Language) -> str:
    """Letter by letter, by the table's names of letters; as they are where it has none."""
    names = language.section("letters")
    if word.lower() in names:
        return str(names[word.lower()])
    return str(names.get("joint", " ")).join(names.get(each.lower(), each) for each in word)


def pronounceable(word: str) -> bool:
    """Whether it has a vowel, and does not begin as no word does: `BME`, `МГУ`."""
    return any(letter in VOWELS for letter in word.lower()) and not _NO_START.match(word.lower())
