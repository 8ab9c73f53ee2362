"""Which of a model's languages a text is in, for requests that say `language: "auto"`. Knows no voices and no HTTP.

The script decides where it can: Hangul is Korean, whatever it says. Among languages that share a script the letters
do, by py3langid: naive Bayes over sequences of bytes. A short text fits several of them, so the voice's own language
has an advantage. What any of it is worth is in benchmarks/results/language.md.
"""

import unicodedata
from collections import Counter
from collections.abc import Sequence

from py3langid.langid import MODEL_FILE, LanguageIdentifier

from runners.errors import InvalidInput

AUTO = "auto"
VOICE_WEIGHT = 5.0  # of 1 to 16, the best where the voice speaks the text's language four times in five, or more often
ENOUGH = 1000  # characters; more would not change the answer

_LATIN, _KANA, _HAN = "LATIN", "KANA", "CJK"
_SCRIPTS = {"HIRAGANA": _KANA, "KATAKANA": _KANA, "KATAKANA-HIRAGANA": _KANA}  # where Unicode has several names for one
_WRITTEN_IN = {
    _LATIN: ("en", "es", "fr", "de", "it", "pt", "pl", "tr", "nl", "cs", "hu"),
    "CYRILLIC": ("ru",),
    "ARABIC": ("ar",),
    "DEVANAGARI": ("hi",),
    "HANGUL": ("ko",),
    _KANA: ("ja",),
    _HAN: ("zh",),
}
_PLACED = {code for codes in _WRITTEN_IN.values() for code in codes}  # a fine-tuned model may have others
_BORROWED = {_LATIN: _PLACED, _HAN: {"ja"}}  # "OK" may be any language, 営業時間 Japanese: if it is the voice's


class LanguageDetector:
    """Have one for all requests and threads: making it takes 0.4 s and 80 MB, asking it less than a millisecond.

    `voice_weight`: how many times as likely the voice's language counts as it is by the letters alone.
    """

    def __init__(self, voice_weight: float = VOICE_WEIGHT) -> None:
        self._identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
        self._voice_weight = voice_weight

    def detect(self, text: str, languages: Sequence[str], voice_language: str) -> str:
        """One of `languages`, the model's, as it is spelled there.

        The likeliest by its letters, where the voice's counts for `voice_weight` times as likely. A text without
        letters, or in a script that none of the languages is written in, says nothing: it gets the voice's, or the
        model's first if the model lacks that.
        """
        voice = _code(voice_language)
        by_code = {_code(language): language for language in languages}
        text = unicodedata.normalize("NFKC", text[:ENOUGH])  # half-width kana and full-width Latin are as any other
        candidates = _candidates(_script(text), sorted(by_code, key=lambda code: code != voice), voice)
        if not candidates:
            return by_code.get(voice, languages[0])
        return by_code[self._likeliest(text, candidates, voice)]

    def _likeliest(self, text: str, candidates: Sequence[str], voice: str) -> str:
        """The first of those that are equally likely."""
        likelihoods: dict[str, float] = dict(self._identifier.rank(text))
        if voice in likelihoods:
            likelihoods[voice] *= self._voice_weight
        return max(candidates, key=lambda code: likelihoods.get(code, 0.0))


def matched_language(language: str, languages: Sequence[str]) -> str:
    """`language` as the model spells it: "zh" is "zh-cn", case and region do not count. Raises InvalidInput."""
    for each in languages:
        if _code(each) == _code(language):
            return each
    known = ", ".join(languages)
    hint = "" if language.lower() == AUTO else f" '{AUTO}' finds out which of them a text is in."
    raise InvalidInput(f"The model has no language '{language}'. It has: {known}.{hint}", param="language")


def _code(language: str) -> str:
    return language.lower().partition("-")[0]


def _script(text: str) -> str | None:
    """What the text is written in, by its letters. None: it has none.

    A Latin letter counts for a third: names and brands are written in them in every language.
    """
    names = (unicodedata.name(char, "").partition(" ")[0] for char in text if char.isalpha())
    letters = Counter(_SCRIPTS.get(name, name) for name in names)
    if letters[_KANA]:  # Japanese mixes the two
        letters[_KANA] += letters.pop(_HAN, 0)
    return max(letters, key=lambda script: letters[script] * (1 if script == _LATIN else 3), default=None)


def _candidates(script: str | None, codes: Sequence[str], voice: str) -> list[str]:
    """Those of `codes` that are written in `script`, or in one not known here; the voice's if it borrows the script."""
    if script is None:
        return []
    written = {*_WRITTEN_IN.get(script, ()), *(_BORROWED.get(script, set()) & {voice})}
    return [code for code in codes if code in written or code not in _PLACED]
