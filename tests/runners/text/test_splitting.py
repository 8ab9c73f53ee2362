import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runners.text.splitting import split

TEXTS = st.text(alphabet="abc ,.;?!。，\n—1'é\u0301", max_size=300)


@given(text=TEXTS, limit=st.integers(1, 60))
@settings(max_examples=300)
def test_only_white_space_is_lost_and_every_part_fits(text: str, limit: int) -> None:
    parts = split(text, limit)
    assert "".join("".join(parts).split()) == "".join(text.split())
    assert all(part == part.strip() and 0 < len(part) <= limit for part in parts)


@given(words=st.lists(st.sampled_from(["a", "to", "the,", "end.", "house", "wonderful"]), max_size=200))
@settings(max_examples=200)
def test_parts_are_few_and_none_is_a_crumb(words: list[str]) -> None:
    text = " ".join(words)
    parts = split(text, 60)
    assert len(parts) <= 4 * max(1, len(text) / 60)
    assert len(parts) < 2 or min(map(len, parts)) >= 14


@pytest.mark.parametrize(
    ("limit", "text"),
    [
        (40, "one two, three four. | five six, seven eight nine."),
        (40, "he said: “one two three.” | then, four five six seven"),
        (40, "is it one two? | yes, no, and four five six seven."),
        (40, "one two three, | four five six seven and eight nine"),
        (40, "one two three; | four five six seven and eight nine"),
        (30, "one two three, | four 3,141 five six seven"),
        (30, "one two three four | five six seven eight"),
        (30, "one two three four | example.org six seven"),
        (30, "एक दो तीन। | चार पाँच छह सात आठ नौ दस"),
        (30, "واحد اثنان؟ | ثلاثة أربعة خمسة ستة"),
        (30, "واحد اثنان، | ثلاثة أربعة خمسة ستة"),
        (12, "我在家里看书。|天空放晴了，彩虹！"),
        (40, "wo3zai4jia1,|li3kan4shu1tian1kong1fang4qing2"),
        (24, "chuang4shuang4|ni3zhuang4chuang4"),
        (10, "abcdef|e\u0301ghijkl"),
        (4, "...|..."),
    ],
)
def test_the_best_boundary_near_the_middle_wins(limit: int, text: str) -> None:
    assert split(text.replace(" | ", " ").replace("|", ""), limit) == [part.strip() for part in text.split("|")]


@pytest.mark.parametrize(
    "text",
    [
        "a sentence of some length, | which just about fits. ok.",
        "ok. a sentence of some length, | which is too long to fit.",
    ],
)
def test_a_short_sentence_does_not_stand_alone(text: str) -> None:
    assert split(text.replace(" | ", " "), 50) == text.split(" | ")


@pytest.mark.parametrize(("text", "parts"), [("", []), (" \n ", []), (" a b ", ["a b"])])
def test_a_text_that_fits_is_its_only_part(text: str, parts: list[str]) -> None:
    assert split(text, 10) == parts
