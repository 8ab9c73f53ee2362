"""How often `language: "auto"` is right, by the length of the text and by whether the voice is of its language.

    python -m benchmarks.language

prints the tables of results/language.md. The texts are in language_texts.yaml. It needs no model and no server.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import yaml

from api.language import VOICE_WEIGHT, LanguageDetector

KINDS = ("sentences", "three_words", "one_or_two_words")
WEIGHTS = (1.0, 2.0, 3.0, 4.0, VOICE_WEIGHT, 6.0, 8.0, 16.0)

Texts = Mapping[str, Mapping[str, Sequence[str]]]  # the language as XTTS-v2 spells it -> the kind -> texts


def read_texts() -> Texts:
    texts: Texts = yaml.safe_load(Path(__file__).with_name("language_texts.yaml").read_text(encoding="utf-8"))
    return texts


def same_voice(detector: LanguageDetector, texts: Texts, language: str, kind: str) -> float:
    """Percent of the texts that are heard as what they are by a voice of their own language."""
    return _percent(detector, texts, language, kind, [language])


def other_voices(detector: LanguageDetector, texts: Texts, language: str, kind: str) -> float:
    """The same for voices of all other languages, each with each text."""
    return _percent(detector, texts, language, kind, [voice for voice in texts if voice != language])


def _percent(detector: LanguageDetector, texts: Texts, language: str, kind: str, voices: Sequence[str]) -> float:
    found = [detector.detect(text, list(texts), voice) for text in texts[language][kind] for voice in voices]
    return 100 * found.count(language) / len(found)


def by_language(texts: Texts) -> Iterator[str]:
    """Three columns a kind: without the voice's advantage, with it and such a voice, with it and another voice."""
    alone, detector = LanguageDetector(voice_weight=1), LanguageDetector()
    rows = {
        language: [
            percent
            for kind in KINDS
            for percent in (
                other_voices(alone, texts, language, kind),
                same_voice(detector, texts, language, kind),
                other_voices(detector, texts, language, kind),
            )
        ]
        for language in texts
    }
    yield "| | " + " | ".join(f"{kind}: letters only | voice agrees | voice differs" for kind in KINDS) + " |"
    yield "|---" * (1 + 3 * len(KINDS)) + "|"
    for language, row in rows.items():
        yield _row(language, row)
    yield _row("all", [sum(column) / len(rows) for column in zip(*rows.values(), strict=True)])


def by_weight(texts: Texts) -> Iterator[str]:
    """What the advantage is chosen by, on the even and the odd texts apart: both halves should choose the same."""
    yield "| weight | " + " | ".join(f"{half}: agrees | differs | 4 of 5 agree" for half in ("even", "odd")) + " |"
    yield "|---" * 7 + "|"
    for weight in WEIGHTS:
        detector = LanguageDetector(voice_weight=weight)
        yield _row(f"{weight:g}", [percent for half in (0, 1) for percent in _short(detector, texts, half)])


def _short(detector: LanguageDetector, texts: Texts, half: int) -> list[float]:
    """Over the short texts of one half: the voice agrees, differs, agrees four times in five."""
    halves = {
        language: {kind: texts[language][kind][half::2] for kind in KINDS if kind != "sentences"} for language in texts
    }
    pairs = [(language, kind) for language in halves for kind in halves[language]]
    same = sum(same_voice(detector, halves, *pair) for pair in pairs) / len(pairs)
    other = sum(other_voices(detector, halves, *pair) for pair in pairs) / len(pairs)
    return [same, other, 0.8 * same + 0.2 * other]


def _row(name: str, percents: Sequence[float]) -> str:
    return f"| {name} | " + " | ".join(f"{percent:.1f}" for percent in percents) + " |"


def main() -> None:
    texts = read_texts()
    print(*by_language(texts), "", *by_weight(texts), sep="\n")


if __name__ == "__main__":
    main()
