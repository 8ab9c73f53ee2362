import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.live.clauses import Clause, Clauses

STORY = "Once upon a time, there was a king. He had three sons, and each of them was wiser than the one before. "


def cut(parts: list[str], language: str = "en") -> list[Clause]:
    clauses = Clauses(language)
    pieces = [clause for part in parts for clause in clauses.feed(part)]
    return [*pieces, *clauses.rest()]


def test_the_first_is_a_clause_and_the_others_are_sentences() -> None:
    assert [clause.text for clause in cut([STORY])] == [
        "Once upon a time, there was a king.",
        "He had three sons, and each of them was wiser than the one before.",
    ]
    assert [
        clause.text for clause in cut(["It was a dark and stormy night, and the rain fell, too. Then it stopped."])
    ] == [
        "It was a dark and stormy night,",
        "and the rain fell, too.",
        "Then it stopped.",
    ]


def test_what_may_go_on_waits() -> None:
    clauses = Clauses("en")
    assert list(clauses.feed("I have known him well as Dr.")) == []
    assert list(clauses.feed(" ")) == []
    assert list(clauses.feed("Smith. ")) == []
    assert [clause.text for clause in clauses.feed("He")] == ["I have known him well as Dr. Smith."]
    assert clauses.waiting == len(" He")


def test_a_text_without_any_end_is_cut_at_a_space() -> None:
    pieces = cut([word + " " for word in ["word"] * 300])
    assert len(pieces) > 2
    assert all(len(piece.text) <= 401 for piece in pieces)


@pytest.mark.parametrize("text", ["", "   ", "\n"])
def test_nothing_to_say_is_no_piece(text: str) -> None:
    assert cut([text]) == []


@given(st.lists(st.sampled_from([*STORY.split(" "), " ", "  ", ",", "! ", "。"]), max_size=60), st.integers(1, 7))
def test_spans_are_where_the_words_are_however_the_text_comes(words: list[str], size: int) -> None:
    text = " ".join(words)
    whole = cut([text[at : at + size] for at in range(0, len(text), size)])
    assert all(text[slice(*clause.span)] == clause.text for clause in whole)
    assert "".join("".join(clause.text.split()) for clause in whole) == "".join(text.split())
