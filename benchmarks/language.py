"""How often `language: "auto"` is right, by the length of the text and by whether the voice is of its language.

    python -m benchmarks.language

prints the tables of results/language.md in half a minute. The texts are in language_texts.yaml. It needs no model and
no server.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import yaml

from api.language import VOICE_WEIGHT, LanguageDetector

KINDS = {
    "sentences": "sentences",
    "three_words": "three words",
    "cut_from_sentences": "three words cut out of a sentence",
    "one_or_two_words": "one or two words",
}
SHORT = [kind for kind in KINDS if kind != "sentences"]
WEIGHTS = (1.0, 2.0, 3.0, 4.0, VOICE_WEIGHT, 6.0, 8.0, 16.0)

Texts = Mapping[str, Mapping[str, Sequence[str]]]  # the language as XTTS-v2 spells it -> the kind -> texts


def read_texts() -> Texts:
    """Every kind for every language; what is cut out of sentences is empty where words are not parted."""
    written: Texts = yaml.safe_load(Path(__file__).with_name("language_texts.yaml").read_text(encoding="utf-8"))
    return {language: {**kinds, "cut_from_sentences": _cut(kinds["sentences"])} for language, kinds in written.items()}


def _cut(sentences: Sequence[str]) -> list[str]:
    words = [sentence.split() for sentence in sentences]
    return [" ".join(each[start : start + 3]) for each in words for start in range(len(each) - 2)]


def same_voice(detector: LanguageDetector, texts: Texts, language: str, kind: str) -> float:
    """Percent of the texts that are taken for what they are, with a voice of their own language."""
    return _percent(detector, texts, language, kind, [language])


def other_voices(detector: LanguageDetector, texts: Texts, language: str, kind: str) -> float:
    """The same with voices of all other languages, each with each text."""
    return _percent(detector, texts, language, kind, [voice for voice in texts if voice != language])


def _percent(detector: LanguageDetector, texts: Texts, language: str, kind: str, voices: Sequence[str]) -> float:
    found = [detector.detect(text, list(texts), voice) for text in texts[language][kind] for voice in voices]
    return 100 * found.count(language) / len(found)


def by_language(texts: Texts) -> Iterator[str]:
    """Three figures a cell: without the voice's advantage, with it and such a voice, with it and another voice."""
    alone, detector = LanguageDetector(voice_weight=1), LanguageDetector()
    yield from _head("", *KINDS.values())
    columns: dict[str, list[Sequence[float]]] = {kind: [] for kind in KINDS}
    for language in texts:
        cells = []
        for kind in KINDS:
            if not texts[language][kind]:
                cells.append("")
                continue
            case = texts, language, kind
            percents = other_voices(alone, *case), same_voice(detector, *case), other_voices(detector, *case)
            columns[kind].append(percents)
            cells.append(_cell(percents))
        yield _row(language, *cells)
    yield _row(
        "all", *(_cell([_mean(figures) for figures in zip(*column, strict=True)]) for column in columns.values())
    )


def by_weight(texts: Texts) -> Iterator[str]:
    """What the advantage is chosen by, on every second text and on the others: both halves should choose the same."""
    halves = [{language: {k: kinds[k][half::2] for k in SHORT} for language, kinds in texts.items()} for half in (0, 1)]
    yield from _head("weight", "one half of the short texts", "the other half")
    for weight in WEIGHTS:
        detector = LanguageDetector(voice_weight=weight)
        yield _row(f"{weight:g}", *(_cell(_on_short_texts(detector, half)) for half in halves))


def _on_short_texts(detector: LanguageDetector, texts: Texts) -> tuple[float, float, float]:
    """The voice agrees with the text, it differs, it agrees four times in five."""
    cases = [(texts, language, kind) for language in texts for kind in SHORT if texts[language][kind]]
    same = _mean([same_voice(detector, *case) for case in cases])
    other = _mean([other_voices(detector, *case) for case in cases])
    return same, other, 0.8 * same + 0.2 * other


def _mean(figures: Sequence[float]) -> float:
    return sum(figures) / len(figures)


def _cell(percents: Sequence[float]) -> str:
    return " / ".join(f"{percent:.1f}" for percent in percents)


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _head(*names: str) -> Iterator[str]:
    yield _row(*names)
    yield "|---" * len(names) + "|"


def main() -> None:
    texts = read_texts()
    print(*by_language(texts), "", *by_weight(texts), sep="\n")


if __name__ == "__main__":
    main()
