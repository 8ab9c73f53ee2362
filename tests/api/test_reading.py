import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.reading import NOTHING_SAID, by_sentence, lines
from runners.errors import InvalidInput


def said(text: str, language: str = "en", *sources: dict[str, str], normalize: bool = True) -> list[tuple[str, float]]:
    return [(line.text, line.pause) for line in lines(text, language, sources, normalize=normalize)]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("One 1.", [("One one.", 0)]),
        ("One.[pause:1s][pause:500ms]Two.", [("One.", 1.5), ("Two.", 0)]),
        ("One.[pause:1s] 😊", [("One.", 1.0)]),
        ("[pause:1s]One.", [("", 1.0), ("One.", 0)]),
        ("[pause:1s]", [("", 1.0)]),
        (".", [("", NOTHING_SAID)]),
        ("😊 ---", [("", NOTHING_SAID)]),
    ],
)
def test_a_text_is_cut_at_its_pauses(text: str, found: list[tuple[str, float]]) -> None:
    assert said(text) == found


def test_respellings_come_first() -> None:
    assert said("SQL", "en", {"SQL": "sequel"}, {"SQL": "ess queue ell"}) == [("sequel", 0)]


def test_pauses_and_respellings_count_without_normalizing_too() -> None:
    assert said("**SQL** 5[pause:1s]", "en", {"SQL": "sequel"}, normalize=False) == [("**sequel** 5", 1.0)]


def test_lines_are_mapped_to_the_whole_text() -> None:
    second = lines("One.[pause:1s] It is 5.", "en", (), normalize=True)[1].reading
    assert second.text == "It is five."
    assert second.source(6, 10) == (21, 22)


def test_too_long_a_pause() -> None:
    with pytest.raises(InvalidInput, match="60 seconds"):
        said("[pause:61s]")


def test_a_line_by_sentence_in_the_callers_own_words() -> None:
    text = "**Ki** írta 1848-ban?\n Igen. Dr. Kiss szerint 5 m volt!  Nem tudom. Ne.[pause:1s]"
    [line] = lines(text, "hu", (), normalize=True)
    cut = by_sentence(line, "hu")
    assert [each.source(text) for each in cut] == [
        "Ki** írta 1848-ban?",
        "Igen. Dr. Kiss szerint 5 m volt!",
        "Nem tudom. Ne.",
    ]
    assert [each.pause for each in cut] == [0, 0, 1.0]
    assert "ezernyolcszáznegyvennyolcban" in cut[0].text
    assert line.source(text).startswith("Ki** írta")


def test_a_sentence_goes_on_after_what_was_said_and_ends_with_its_paragraph() -> None:
    [line] = lines("“Are you there?” she asked.\n\nNobody answered her\n\nSo she went home.", "en", (), normalize=True)
    assert [each.text for each in by_sentence(line, "en")] == [
        '"Are you there?" she asked.',
        "Nobody answered her",
        "So she went home.",
    ]


@given(
    st.lists(st.sampled_from(["word", "Dr.", "18", "? ", "! ", ". ", "\n", "\n\n", " ", "です。", "😀"]), max_size=40)
)
@settings(max_examples=100)
def test_sentences_lose_no_words(pieces: list[str]) -> None:
    for line in lines("a" + "".join(pieces), "en", (), normalize=False):
        cut = by_sentence(line, "en")
        assert "".join("".join(each.text for each in cut).split()) == "".join(line.text.split())
        assert sum(each.pause for each in cut) == line.pause


def test_nothing_to_say_is_no_sentence() -> None:
    [line] = lines("...", "en", (), normalize=True)
    assert by_sentence(line, "en") == [line]
    assert line.source("...") == ""
