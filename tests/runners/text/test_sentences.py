"""Full stops that end no sentence, counted."""

from pathlib import Path

import pytest
import yaml

from runners.text.sentences import sentence_ends

TRAPS = yaml.safe_load((Path(__file__).parent / "sentences.yaml").read_text("utf-8"))
MOST_WRONG = {"hu": 0, "en": 0}


def sentences(language: str) -> list[str]:
    framed = [frame.format(trap) for trap in TRAPS[language]["traps"] for frame in TRAPS[language]["frames"]]
    return framed + TRAPS[language]["more"]


@pytest.mark.parametrize("language", TRAPS)
def test_a_sentence_is_not_cut_inside(language: str) -> None:
    found = sentences(language)
    assert len(found) >= 60
    cut = [each for each in found if any(end < len(each) for end in sentence_ends(f"{each} Ennyi.", language))]
    assert len(cut) <= MOST_WRONG.get(language, 2), cut


@pytest.mark.parametrize("language", TRAPS)
def test_and_its_end_is_found(language: str) -> None:
    missed = [each for each in sentences(language) if len(each) not in sentence_ends(f"{each} Ennyi.", language)]
    assert missed == []


@pytest.mark.parametrize(
    ("language", "text", "ends"),
    [
        ("en", "We ate apples, pears, etc. Then we left.", [26]),
        ("hu", "Volt alma, körte stb. Aztán elmentünk.", [21]),
        ("en", "I live in the U.S. He does not. The U.S. Army left.", [18, 31]),
        ("en", "all lower case. it goes. ok", [15, 24]),
        ("zh", "我在家里看书。天空放晴了！", [7, 13]),
    ],
)
def test_what_ends_one(language: str, text: str, ends: list[int]) -> None:
    assert list(sentence_ends(text, language)) == ends
